"""A sweep as its charts and tables need it: averaged over seeds, sorted, and with the choice's sizes found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadtest.analysis.growth import Size, at_most_rows, average_seeds, list_depths
from loadtest.report.curve.words import name_depth, name_quality
from service.contract.curve import Curve, ParetoFront, Shape


@dataclass(frozen=True)
class Swept:
    """sizes: all of them; full: those that learnt from the most rows, by weights; depths: each once."""

    curve: Curve
    sizes: tuple[Size, ...]
    full: tuple[Size, ...]
    depths: tuple[int, ...]

    @property
    def quality(self) -> str:
        """What the quality is called."""
        return name_quality(self.curve.task)

    @property
    def chosen(self) -> Size | None:
        """The choice, after the most rows."""
        return None if self.curve.choice is None else self._find(self.curve.choice.chosen)

    @property
    def best(self) -> Size | None:
        """The best of the choice, after the most rows."""
        return None if self.curve.choice is None else self._find(self.curve.choice.best)

    def _find(self, shape: Shape) -> Size | None:
        return next((size for size in self.full if size.shape == shape), None)

    @property
    def fronts(self) -> Sequence[ParetoFront]:
        """Those of the choice."""
        return [] if self.curve.choice is None else self.curve.choice.fronts

    def is_beaten(self, shape: Shape) -> bool:
        """Whether it is on no front: for every cost another is better and cheaper."""
        return bool(self.fronts) and not any(shape in front.shapes for front in self.fronts)

    def by_depth(self, sizes: Sequence[Size]) -> Iterator[tuple[int, str, list[Size]]]:
        """Yield (place of the depth, its name, its sizes in their order)."""
        for place, depth in enumerate(self.depths):
            found = [size for size in sizes if size.shape.depth == depth]
            if found:
                yield place, name_depth(depth), found


def sort_sweep(curve: Curve) -> Swept:
    """Average and sort the points of a sweep."""
    sizes = average_seeds(curve)
    return Swept(curve, sizes, at_most_rows(sizes), list_depths(sizes))
