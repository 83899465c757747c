"""Whether this worker wants new requests."""


class Readiness:
    """One for each process."""

    def __init__(self) -> None:
        self.is_ready = True


READINESS = Readiness()
