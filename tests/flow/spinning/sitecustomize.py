"""On the path of a service this makes a worker spin when it gets SIGUSR1, as an endless loop of its own would."""

import signal


def spin_for_ever(*_: object) -> None:
    """Keep the event loop from turning."""
    while True:
        pass


signal.signal(signal.SIGUSR1, spin_for_ever)
