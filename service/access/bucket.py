"""A token bucket: so many requests per second in the long run, and a second's worth of them at once."""

FEWEST_TOKENS = 1.0


class Bucket:
    """Of one key in one worker. Seconds are those of any clock that never goes back."""

    __slots__ = ("_at", "_most", "_rate", "_tokens")

    def __init__(self, rate: float, now: float) -> None:
        """rate: tokens per second. It begins full."""
        self._rate = rate
        self._most = self._tokens = max(rate, FEWEST_TOKENS)
        self._at = now

    def take(self, now: float) -> float:
        """Take a token and return 0, or return the seconds until there is one."""
        tokens = min(self._most, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if tokens >= 1:
            self._tokens = tokens - 1
            return 0.0
        self._tokens = tokens
        return (1 - tokens) / self._rate
