"""Look up what the service installs among known vulnerabilities. Run: python deploy/audit.py.

pip-audit asks the advisories of the package index for every pinned package of requirements/service.txt. Exit code: 0
none is known, 1 there are some, 3 it could not be checked, of which nothing follows.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parents[1] / "requirements/service.txt"
SECONDS = 300
CLEAN, VULNERABLE, UNKNOWN = 0, 1, 3
# The lock names every package with its version and its hashes: nothing is resolved or installed.
OPTIONS = ("--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off", "--timeout", "15")


def ask() -> Any:
    """Return pip-audit's report. Raises ValueError where it has none."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), *OPTIONS]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ValueError(f"no answer within {SECONDS} s") from None
    try:
        return json.loads(ended.stdout)
    except ValueError:
        raise ValueError((ended.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]) from None


def main() -> int:
    """Say what is known; return the exit code."""
    try:
        packages = ask()["dependencies"]
    except (ValueError, KeyError, TypeError) as error:
        print(f"could not check: {error}", file=sys.stderr)
        return UNKNOWN
    found = [(package, fault) for package in packages for fault in package.get("vulns", ())]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    for package, fault in found:
        mended = ", ".join(fault["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {fault['id']}, mended in {mended}", file=sys.stderr)
    if skipped:
        print(f"could not check: nothing is said of {len(skipped)} packages ({skipped[0]}, ...)", file=sys.stderr)
    if found:
        return VULNERABLE
    if skipped or not packages:
        return UNKNOWN
    print(f"no vulnerability is known in {len(packages)} packages")
    return CLEAN


if __name__ == "__main__":
    sys.exit(main())
