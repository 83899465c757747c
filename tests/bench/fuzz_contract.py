"""Requests made from the service's own OpenAPI document, good and bad; every answer is held to it. Run: make fuzz.

The service asks for a key, and schemathesis for what it is told without one.

schemathesis makes them: the document's examples, values at every limit and just beyond, other methods, and random ones.
Random bytes are hardly ever a ``.npy`` file, and no document says what may be accepted: both are added here.
"""

import argparse
import io
import math
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import schemathesis
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from service.contract.routes import CSV_MEDIA_TYPE, JSON_MEDIA_TYPE, NPY_MEDIA_TYPE
from service.openapi.access import SCHEME
from tests.bench.keyed import serve_keyed

MAX_ROWS = 3
LIMITS = {"ARCHSCALE_WORKERS": "1", "ARCHSCALE_MAX_ROWS": str(MAX_ROWS), "ARCHSCALE_MAX_BODY_BYTES": "200000"}
"""Settings of the service under test: limits that a generated body can reach and pass."""
PREFERRED = f"{NPY_MEDIA_TYPE};q=0.5, */*;q=0.1"
ACCEPTED = (None, "*/*", JSON_MEDIA_TYPE, NPY_MEDIA_TYPE, CSV_MEDIA_TYPE, PREFERRED, "text/html", ";q=,")

DEFAULT_CASES = 6000
DEFAULT_SEED = 1
SHOWN = 20
METHODS = {"get", "head", "post"}

# A row of numbers within the document's limits may still be refused, where what it makes overflows. A request that
# breaks a rule may break two, and so be too large.
CHECKS = {"positive_data_acceptance": {"enabled": False}, "negative_data_rejection": {"expected-statuses": ["4xx"]}}


@dataclass
class Outcome:
    """What a run of generated requests found."""

    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    failures: dict[str, dict[str, str]] = field(default_factory=dict)
    """Check -> what it found -> a request that shows it."""
    errors: list[str] = field(default_factory=list)
    """What kept schemathesis from asking."""


def fuzz(url: str, *, cases: int, seed: int, key: str | None = None) -> Outcome:
    """Ask the service at ``url`` so many random requests, the same for each operation, beside those of its limits.

    key: where the service asks for one.
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    schemathesis.openapi.media_type(NPY_MEDIA_TYPE, npy_files(_widths(url, headers)))
    document = httpx.get(f"{url}/docs.json", headers=headers).json()
    operations = sum(len(methods.keys() & METHODS) for methods in document["paths"].values())
    config = _configuration(math.ceil(cases / operations), seed, key)
    schema = schemathesis.openapi.from_url(f"{url}/docs.json", headers=headers, config=config)
    schemathesis.hook(_accept_anything(random.Random(seed)))
    outcome = Outcome()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _collect(event, outcome)
        elif isinstance(event, events.NonFatalError):
            outcome.errors.append(f"{event.label}: {event.value}")
        elif isinstance(event, events.FatalError):
            outcome.errors.append(str(event.exception))
    return outcome


def _widths(url: str, headers: dict[str, str]) -> list[int]:
    """Return the columns of a body that is right for a route, and of one that is wrong for all."""
    card = next(iter(httpx.get(f"{url}/models", headers=headers).json()["models"].values()))
    return [1, len(card["raw_features"]), len(card["feature_names"])]


def _configuration(each: int, seed: int, key: str | None) -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "auth": {"openapi": {SCHEME: {"bearer": key}}} if key else {},
            "continue-on-failure": True,
            "generation": {"max-examples": each, "deterministic": True, "database": "none", "no-shrink": True},
            "phases": {"stateful": {"enabled": False}},
            "checks": CHECKS,
            "suppress-health-check": ["all"],
        }
    )


def _accept_anything(choices: random.Random) -> Any:
    def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
        if accept := choices.choice(ACCEPTED):
            case.headers["Accept"] = accept

    return before_call


@st.composite
def npy_files(draw: st.DrawFn, widths: list[int]) -> bytes:
    """Files of ``numpy.save``, of few rows and one value; some of them cut off."""
    shape = draw(st.tuples(st.integers(0, MAX_ROWS + 1), st.sampled_from(widths)))
    dtype, value = draw(st.sampled_from(["<f4", "<f8", ">f4", "<i8"])), draw(st.floats(-10, 10) | st.just(np.nan))
    stream = io.BytesIO()
    np.save(stream, np.full(shape, 0 if dtype == "<i8" else value, dtype))
    body = stream.getvalue()
    return body[: len(body) - draw(st.sampled_from([0, 0, 0, 1, 100]))]


def _collect(event: events.ScenarioFinished, outcome: Outcome) -> None:
    recorder = event.recorder
    outcome.cases += len(recorder.cases)
    exchanges = recorder.interactions.values()
    outcome.statuses.update(exchange.response.status_code for exchange in exchanges if exchange.response)
    for node in (node for nodes in recorder.checks.values() for node in nodes):
        outcome.checks[node.name] += 1
        if node.status == Status.FAILURE and (info := node.failure_info):
            found = f"{recorder.label}: {info.failure.title}: {info.failure.message}"
            outcome.failures.setdefault(node.name, {}).setdefault(found, info.code_sample)


def main() -> int:
    """Serve the newest release, ask, print what was found; return 1 if that is anything, or too little was asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=DEFAULT_CASES, help=f"requests to make ({DEFAULT_CASES})")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    options = parser.parse_args()
    with serve_keyed(**LIMITS) as (server, key):
        outcome = fuzz(server.url, cases=options.cases, seed=options.seed, key=key)
    for name, failures in outcome.failures.items():
        print(f"{name}: {len(failures)}")
        for found, request in list(failures.items())[:SHOWN]:
            print(f"  {found}\n  {request[:500]}")
    for error in outcome.errors:
        print(error)
    print(f"{outcome.cases} requests; statuses {dict(sorted(outcome.statuses.items()))}; checks {dict(outcome.checks)}")
    return int(bool(outcome.failures or outcome.errors) or outcome.cases < options.cases)


if __name__ == "__main__":
    sys.exit(main())
