"""Several command lines of ``python -m training`` one after another in one process, which loads its libraries once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.commands import python

ALL = """
import json, sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from training.__main__ import main
for words in json.load(sys.stdin):
    sys.argv[1:] = words
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()) as errors:
        code = main()
    print(json.dumps([code, errors.getvalue()]))
"""


@dataclass(frozen=True)
class Refusal:
    """How a command line ended. errors: what it said on standard error."""

    code: int
    errors: str


def refuse(home: Path, lines: Sequence[Sequence[str]]) -> list[Refusal]:
    """Give command lines to the training job, with ``home`` as BENTOML_HOME; return how each ended."""
    ended = python("-c", ALL, home=home, entered=json.dumps(lines))
    assert (ended.returncode, ended.stderr) == (0, "")
    return [Refusal(*json.loads(line)) for line in ended.stdout.splitlines()]
