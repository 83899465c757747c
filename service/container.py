"""What the image starts: look at the limits and folders of the container, then become `bentoml serve`.

Run, in the image alone: python -m service.container [options of bentoml serve]. Each thing that would end the service
in a traceback, or end it without a word (the kernel kills what outgrows its memory limit), ends it here with one line.
"""

import math
import os
import socket
import sys
from pathlib import Path

from service.contract.memory import MIB, count_least_bytes, count_needed_bytes

CGROUP = Path("/sys/fs/cgroup")
USER_ERROR = 2


class ContainerError(Exception):
    """Why the service can't run in this container, in one line."""


def memory_limit(cgroup: Path = CGROUP) -> float:
    """Bytes this container may use (control groups 2 and 1), infinite if it has no limit."""
    for file in (cgroup / "memory.max", cgroup / "memory/memory.limit_in_bytes"):
        try:
            return int(file.read_text())
        except (OSError, ValueError):  # ValueError: control groups 2 say "max"
            continue
    return math.inf


def check_memory(limit: float, workers: int) -> None:
    """Raise ContainerError if so many workers do not fit into ``limit`` bytes."""
    needed = count_least_bytes(workers)
    if limit < needed:
        raise ContainerError(
            f"the memory limit must be at least {needed // MIB} MiB for {workers} worker(s), "
            f"however: {limit // MIB:.0f} MiB. Raise it (--memory), or lower ARCHSCALE_WORKERS."
        )


def warn_of_bodies(limit: float, workers: int, largest_body: int) -> str | None:
    """Return what to say where the largest bodies may need more than ``limit`` bytes: then the kernel kills."""
    needed = count_needed_bytes(workers, largest_body)
    if limit >= needed:
        return None
    return (
        f"WARNING: bodies of ARCHSCALE_MAX_BODY_BYTES ({largest_body // MIB} MiB) may take {needed // MIB} MiB for "
        f"{workers} worker(s), however the memory limit is {limit // MIB:.0f} MiB. "
        "Raise it (--memory), or lower ARCHSCALE_MAX_BODY_BYTES or ARCHSCALE_WORKERS."
    )


def check_folder(folder: Path) -> None:
    """Raise ContainerError if ``folder`` can't be made or written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except OSError as error:
        raise ContainerError(
            f"BENTOML_HOME must be a writable folder, however: {folder}: {error.strerror}. "
            "Mount one there: --tmpfs /tmp, or a volume that user 1034 may write to."
        ) from None


def check_port(host: str, port: str) -> None:
    """Raise ContainerError if nobody may listen on the port now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except (OSError, OverflowError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a port"
            raise ContainerError(
                f"BENTOML_PORT must be a free port, however: {host}:{port}: {reason}. Choose another."
            ) from None


def main() -> None:
    """Check, then replace this process: signals reach BentoML, and no shell stands between."""
    try:
        limit = memory_limit()
        check_memory(limit, 1)  # before the imports, which may not fit either
        from service.settings import SettingsError, load_settings

        try:
            settings = load_settings()
            check_memory(limit, settings.workers)
        except SettingsError as error:
            raise ContainerError(error) from None
        check_folder(Path(os.environ["BENTOML_HOME"]))
        check_port(os.environ.get("BENTOML_HOST", "0.0.0.0"), os.environ["BENTOML_PORT"])
    except ContainerError as error:
        print(error, file=sys.stderr)
        raise SystemExit(USER_ERROR) from None
    if warning := warn_of_bodies(limit, settings.workers, int(settings.max_body_bytes)):
        print(warning, file=sys.stderr, flush=True)
    os.execvp("bentoml", ["bentoml", "serve", os.getcwd(), *sys.argv[1:]])


if __name__ == "__main__":
    main()
