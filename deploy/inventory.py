"""What is in the image: its SBOM on standard output, a table by size on standard error.

Run in the image, with the image's own Python, which needs nothing but its standard library:

    podman run --rm --interactive --entrypoint python IMAGE - IMAGE < deploy/inventory.py > sbom.json

The SBOM is CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/) and says nothing of the hour: the same image gives the
same SBOM. It lists Python's and Debian's packages with their licences as far as they name them, and the models with
their SHA-256.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

BENTO = Path("/home/bentoml/bento")
DPKG_STATUS = Path("/var/lib/dpkg/status")
SMALLEST_ROW = 1_000_000
"""Bytes: packages below share one row of the table."""
LONGEST_LICENCE = 80
"""Characters: some packages put a licence's whole text where its name belongs."""


@dataclass(frozen=True)
class Part:
    """A component of the image."""

    kind: str
    name: str
    version: str
    purl: str = ""
    bytes: int = 0
    licence: str = ""
    sha256: dict[str, str] = field(default_factory=dict)
    """File -> digest."""

    def component(self) -> dict[str, Any]:
        """Return it as CycloneDX writes it."""
        component: dict[str, Any] = {"type": self.kind, "name": self.name, "version": self.version}
        if self.purl:
            component |= {"purl": self.purl, "bom-ref": self.purl}
        if self.licence:
            component["licenses"] = [{"license": {"name": self.licence}}]
        if self.sha256:
            files = sorted(self.sha256.items())
            component["components"] = [
                {"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": digest}]}
                for name, digest in files
            ]
        component["properties"] = [{"name": "archscale:bytes", "value": str(self.bytes)}]
        return component


def python_packages() -> Iterator[Part]:
    """Every distribution that this Python can import, with what its files and their byte code take."""
    for one in sorted(importlib.metadata.distributions(), key=lambda one: one.name.lower()):
        name = re.sub(r"[-_.]+", "-", one.name).lower()
        licence = one.metadata["License-Expression"] or one.metadata["License"] or ""
        yield Part(
            "library",
            name,
            one.version,
            f"pkg:pypi/{name}@{quote(one.version)}",
            sum(size_of(Path(str(file.locate()))) for file in one.files or ()),
            licence if len(licence) <= LONGEST_LICENCE and "\n" not in licence else "",
        )


def size_of(file: Path) -> int:
    """Bytes of a file and, for a module, of its byte code; 0 if it is not there."""
    code = file.parent / "__pycache__" / f"{file.stem}.{sys.implementation.cache_tag}.pyc"
    found = [path for path in ({file, code} if file.suffix == ".py" else {file}) if path.is_file()]
    return sum(path.stat().st_size for path in found)


def debian_packages() -> Iterator[Part]:
    """Every installed Debian package, by dpkg's own list."""
    release = platform.freedesktop_os_release()
    for paragraph in DPKG_STATUS.read_text().split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", paragraph, re.MULTILINE))
        if fields.get("Status") == "install ok installed":
            name, version, architecture = fields["Package"], fields["Version"], fields["Architecture"]
            purl = f"pkg:deb/debian/{name}@{quote(version)}?arch={architecture}&distro=debian-{release['VERSION_ID']}"
            yield Part("library", name, version, purl, int(fields.get("Installed-Size", 0)) * 1024)


def models() -> Iterator[Part]:
    """Every model of the Bento, with the digest of each of its files."""
    for folder in sorted((BENTO / "models").glob("*/*/")):
        files = [file for file in folder.rglob("*") if file.is_file()]
        digests = {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
        size = sum(file.stat().st_size for file in files)
        yield Part("machine-learning-model", folder.parent.name, folder.name, bytes=size, sha256=digests)


def bytes_under(root: str) -> int:
    """Bytes of all files on the file system of ``root`` that this user may see; a file with two names counts once."""
    sizes = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [one for one in folders if not os.path.ismount(os.path.join(folder, one))]
        for one in files:
            status = os.lstat(os.path.join(folder, one))
            sizes[status.st_dev, status.st_ino] = status.st_size
    return sum(sizes.values())


def table(packages: list[Part], found: list[Part]) -> str:
    """Lines of megabytes (10^6 bytes) and what takes them, the largest first."""
    total, source = bytes_under("/"), bytes_under(str(BENTO / "src"))
    small = [one for one in packages if one.bytes < SMALLEST_ROW]
    rows = [(one.bytes, f"{one.name} {one.version}") for one in packages + found if one not in small]
    rows += [(sum(one.bytes for one in small), f"{len(small)} smaller Python packages"), (source, "the service")]
    rows.append((total - sum(size for size, _ in rows), "Python, Debian and the rest of the base image"))
    lines = [f"{size / 1e6:8.1f}  {what}" for size, what in [*sorted(rows, reverse=True), (total, "in all")]]
    return "\n".join(["      MB  what", *lines])


def main() -> None:
    """Write both."""
    packages, found = list(python_packages()), list(models())
    parts = [*packages, *debian_packages(), *found, Part("platform", "python", platform.python_version())]
    name, _, version = sys.argv[1].rpartition(":")
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": name, "version": version}},
        "components": [part.component() for part in parts],
    }
    print(json.dumps(bom, indent=1))
    print(table(packages, found), file=sys.stderr)


if __name__ == "__main__":
    main()
