"""How the memory that a streamed table may take is divided: rows that are kept, a pool to shuffle in, baselines."""

from dataclasses import dataclass

LARGEST = 256 * 10**6
"""Bytes. More rows at hand would say little more of a table, and mix it little better."""
BYTES_OF_KEPT_VALUE = 48
"""Of a kept row's value: as it was read, coded, split, scaled, and given to the baselines."""
FEWEST_SAMPLE_ROWS, MOST_SAMPLE_ROWS = 20_000, 200_000
"""With fewer, a category of 10,000 levels would seem to hold a word of its own in each row."""
FEWEST_CHUNK_ROWS, MOST_CHUNK_ROWS = 4_096, 100_000


@dataclass(frozen=True)
class Bounds:
    """memory: bytes."""

    memory: int

    @classmethod
    def of(cls, memory: int) -> "Bounds":
        """Take what --memory allows, or as much of it as is of use."""
        return cls(min(memory, LARGEST))

    def sample_rows(self, columns: int) -> int:
        """Return how many rows of so many raw columns are kept: half of the memory."""
        rows = self.memory // 2 // (BYTES_OF_KEPT_VALUE * columns)
        return max(FEWEST_SAMPLE_ROWS, min(MOST_SAMPLE_ROWS, rows))

    @property
    def baseline_bytes(self) -> int:
        """What baselines may take of their features."""
        return self.memory // 2

    def chunk_rows(self, columns: int) -> int:
        """Return how many rows of so many encoded columns are shuffled together: four times as many are on their way.

        A quarter of the memory.
        """
        return max(FEWEST_CHUNK_ROWS, min(MOST_CHUNK_ROWS, self.memory // 16 // (4 * (columns + 1))))
