"""Make a key for the service. Run: python -m service.keys NAME [--file FILE].

The key is printed once, alone on standard output; the file keeps its SHA-256. A service that reads the file takes the
new key within a second or two.
"""

import argparse
import os
import sys
from pathlib import Path

from service.access.key_file import KeyFileError, append_key, make_key

VARIABLE = "ARCHSCALE_KEYS_FILE"
USER_ERROR = 2


def main(arguments: list[str] | None = None) -> int:
    """Make a key; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m service.keys", description="Make a key for the service.")
    parser.add_argument("name", metavar="NAME", help="whose it is: /metrics counts its requests by this name")
    parser.add_argument("--file", type=Path, help=f"the file of keys ({VARIABLE})", default=os.environ.get(VARIABLE))
    given = parser.parse_args(arguments)
    try:
        if given.file is None:
            raise KeyFileError(
                f"the file of keys must be given, however: there is none. Give --file, or set {VARIABLE}."
            )
        key = make_key()
        append_key(given.file, given.name, key)
    except KeyFileError as error:
        print(error, file=sys.stderr)
        return USER_ERROR
    print(key)
    print(f"'{given.name}' stands in {given.file}. The key is shown this once: keep it.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
