"""What is counted of keys, on ``/metrics``: by name. Import this in a worker alone, as ``service.answers.metrics``."""

from collections.abc import Iterable

from prometheus_client import Counter

from service.answers.metrics import Cells

ALLOWED, LIMITED, REFUSED = "allowed", "limited", "refused"
NAMELESS = ""
"""What a request is counted under that carries no key, or one that is unknown."""
ACCESS = Counter("archscale_access", "Requests by the name of their key, and what became of them", ("key", "outcome"))


class Tally:
    """The counts of this worker."""

    def __init__(self) -> None:
        ACCESS.labels(key=NAMELESS, outcome=REFUSED)

    def expect(self, names: Iterable[str]) -> None:
        """Make ready to count requests with these keys: those that are allowed are counted in place."""
        names = set(names)
        for name in names:
            ACCESS.labels(key=name, outcome=ALLOWED)
        cells = Cells("counter")
        self._numbers = cells.numbers
        self._places = {name: cells.place("archscale_access_total", key=name, outcome=ALLOWED) for name in names}

    def allowed(self, name: str) -> None:
        """Count a request that is answered."""
        self._numbers[self._places[name]] += 1

    def limited(self, name: str) -> None:
        """Count a request beyond its key's rate."""
        ACCESS.labels(key=name, outcome=LIMITED).inc()

    def refused(self) -> None:
        """Count a request without a key that is known."""
        ACCESS.labels(key=NAMELESS, outcome=REFUSED).inc()
