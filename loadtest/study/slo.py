"""Whether a trial held ``p99 <= SLO``, from how many of its requests were late: the early stopping rule of MLPerf.

A trial passes where so few late requests would be a surprise (1 % at most) if one request in a hundred were late in
the long run, it fails where so many would be, and is undecided between. Source: LoadGen, ``loadgen/early_stopping.cc``
of github.com/mlcommons/inference, with p = 0.99, c = 0.99, d = 0; Reddi et al., MLPerf Inference Benchmark (2020),
arXiv:1911.02549. LoadGen knows pass and not; fail is the same test in the other direction.

The rule takes requests for independent. Those of a queue are not: near the capacity late ones come in bursts, and one
trial's verdict is less certain than 99 %. A short trial passes only with far fewer late ones than 1 %. So the verdict
is of this trial alone: ``loadtest.study.search`` goes by the share of late requests over its trials at a rate.
"""

from scipy.stats import binom, nbinom

from loadtest.record.trials import Verdict

LATE_SHARE = 0.01
"""Of requests, that may be over the SLO: it is for the 99th percentile."""
RISK = 0.01
"""Of passing a server whose late share is just over ``LATE_SHARE``, and of failing one that is just under it."""


def judge(late: int, requests: int) -> Verdict:
    """Return whether ``late`` of ``requests`` show that the SLO was held (pass) or missed (fail), or neither.

    Raises ValueError unless 0 <= late <= requests.
    """
    if not 0 <= late <= requests:
        raise ValueError(f"late requests must be between 0 and all of them, however: {late} of {requests}.")
    if binom.cdf(late, requests, LATE_SHARE) <= RISK:
        return "pass"
    return "fail" if binom.sf(late - 1, requests, LATE_SHARE) <= RISK else "undecided"


def allowed_late(requests: int) -> int | None:
    """Return the most late requests with which a trial passes; None where it is too short to pass with any."""
    first_above = int(binom.ppf(RISK, requests, LATE_SHARE))
    most = first_above if binom.cdf(first_above, requests, LATE_SHARE) <= RISK else first_above - 1
    return most if most >= 0 else None


def certain_to_fail(requests: int) -> int:
    """Return the fewest late requests with which a trial fails, whatever the rest of its ``requests`` will be.

    More than ``requests`` where it is too short to fail.
    """
    return int(binom.isf(RISK, requests, LATE_SHARE)) + 1


def fewest_requests(late: int = 0) -> int:
    """Return how many requests a trial needs to pass with ``late`` of them: 459 for 0, 662 for 1.

    The requests until late one number ``late + 1`` follow the negative binomial law.
    """
    return int(nbinom.isf(RISK, late + 1, LATE_SHARE)) + late + 1
