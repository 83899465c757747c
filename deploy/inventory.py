"""What is in an image: its SBOM on standard output, a table by size on standard error.

Run: python deploy/inventory.py docker|podman IMAGE > sbom.json

Nothing of the image runs: it is exported, and read here. cyclonedx-py describes its Python packages, with their
licences and who needs whom; Debian's packages and the models, which it does not know, are added with the library that
it is built on. The SBOM is CycloneDX 1.6 and says nothing of the hour: the same image gives the same SBOM.
"""

import hashlib
import json
import re
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import venv
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import distributions
from os.path import normpath
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

VENV, DPKG_STATUS, OS_RELEASE = "app/.venv/pyvenv.cfg", "var/lib/dpkg/status", "usr/lib/os-release"
PACKAGES = "app/.venv/lib/python3.*/site-packages"
BENTO = "home/bentoml/bento"
READ = re.compile(rf"({VENV}|{DPKG_STATUS}|{OS_RELEASE})$|{BENTO}/models/|app/.*/site-packages/[^/]+\.dist-info/")
"""What the SBOM is made from."""
SMALLEST_ROW = 1_000_000
"""Bytes: packages below share one row of the table."""


def export(engine: str, image: str, root: Path) -> Counter[str]:
    """Copy what is described into ``root``; return file -> bytes of the whole image, byte code with its module."""
    sizes: Counter[str] = Counter()
    container = subprocess.run([engine, "create", image], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    try:
        with (
            subprocess.Popen([engine, "export", container], stdout=subprocess.PIPE) as exporting,
            tarfile.open(fileobj=exporting.stdout, mode="r|") as files,
        ):
            for file in files:  # links have no size: a file with two names counts once
                sizes[re.sub(r"__pycache__/([^/]+)\.[^./]+\.pyc$", r"\1.py", file.name)] += file.size
                if file.isfile() and READ.match(file.name):
                    files.extract(file, root, filter="data")
        if exporting.returncode:
            raise SystemExit(f"{engine} export must succeed, however: it ended with {exporting.returncode}")
    finally:
        subprocess.run([engine, "rm", container], stdout=subprocess.DEVNULL, check=True)
    return sizes


def python_packages(packages: Path, environment: Path) -> Bom:
    """Have cyclonedx-py describe a folder of packages, which it knows as those of a virtual environment alone."""
    venv.create(environment, symlinks=True)
    site_packages = sysconfig.get_path("purelib", "venv", {"base": str(environment)})
    Path(site_packages, "image.pth").write_text(str(packages))
    options = ("--output-reproducible", "--gather-license-texts")
    command = [sys.executable, "-m", "cyclonedx_py", "environment", *options, str(environment)]
    bom: Bom = Bom.from_json(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
    return bom


def debian_packages(root: Path) -> Iterator[Component]:
    """Every installed Debian package, by dpkg's own list."""
    release = "debian-" + re.search(r'^VERSION_ID="?([\d.]+)', (root / OS_RELEASE).read_text(), re.MULTILINE)[1]
    for paragraph in (root / DPKG_STATUS).read_text().split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", paragraph, re.MULTILINE))
        if fields.get("Status") == "install ok installed":
            name, version = fields["Package"], fields["Version"]
            purl = PackageURL("deb", "debian", name, version, {"arch": fields["Architecture"], "distro": release})
            size = int(fields.get("Installed-Size", 0)) * 1024
            yield Component(name=name, version=version, purl=purl, bom_ref=str(purl), properties=[takes(size)])


def models(root: Path) -> Iterator[Component]:
    """Every model of the Bento, with the digest of each of its files."""
    for folder in (root / BENTO / "models").glob("*/*/"):
        reference = f"{folder.parent.name}:{folder.name}"
        files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        yield Component(
            type=ComponentType.MACHINE_LEARNING_MODEL,
            name=folder.parent.name,
            version=folder.name,
            bom_ref=reference,
            components=[
                Component(
                    type=ComponentType.FILE,
                    name=name,
                    bom_ref=f"{reference}/{name}",
                    hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
                )
                for name, digest in digests.items()
            ],
            properties=[takes(sum(map(len, files.values())))],
        )


def takes(size: int) -> Property:
    """Say how many bytes a component takes."""
    return Property(name="archscale:bytes", value=str(size))


def table(packages: dict[str, int], found: list[Component], sizes: Counter[str]) -> str:
    """Lines of megabytes (10^6 bytes) and what takes them, the largest first. packages: name and version -> bytes."""
    small = [size for size in packages.values() if size < SMALLEST_ROW]
    rows = [(size, package) for package, size in packages.items() if size >= SMALLEST_ROW]
    rows += [(int(model.properties[0].value), f"{model.name} {model.version}") for model in found]
    rows.append((sum(small), f"{len(small)} smaller Python packages"))
    rows.append((sum(size for file, size in sizes.items() if file.startswith(f"{BENTO}/src/")), "the service"))
    rows.append((sizes.total() - sum(size for size, _ in rows), "Python, Debian and the rest of the base image"))
    lines = [f"{size / 1e6:8.1f}  {what}" for size, what in [*sorted(rows, reverse=True), (sizes.total(), "in all")]]
    return "\n".join(["      MB  what", *lines])


def main() -> None:
    """Write both."""
    engine, image = sys.argv[1:]
    name, _, version = image.rpartition(":")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "image")
        sizes = export(engine, image, root)
        (site_packages,) = root.glob(PACKAGES)
        bom = python_packages(site_packages, Path(folder, "environment"))
        packages = {
            f"{package.name} {package.version}": sum(
                sizes[normpath(site_packages.relative_to(root) / str(file))] for file in package.files or ()
            )
            for package in distributions(path=[str(site_packages)])
        }
        debian, found = list(debian_packages(root)), list(models(root))
        python = re.search(r"^version_info = (.+)$", (root / VENV).read_text(), re.MULTILINE)[1]
    for component in bom.components:
        component.properties.add(takes(packages[f"{component.name} {component.version}"]))
    bom.components |= {
        *debian,
        *found,
        Component(type=ComponentType.PLATFORM, name="python", version=python, bom_ref="python"),
    }
    bom.metadata.component = Component(type=ComponentType.CONTAINER, name=name, version=version, bom_ref=image)
    bom.register_dependency(bom.metadata.component, bom.components)
    bom.serial_number = bom.metadata.timestamp = None  # as --output-reproducible of cyclonedx-py does (7.5)
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise SystemExit(f"the SBOM must be CycloneDX 1.6, however: {fault}")
    print(text)
    print(table(packages, found, sizes), file=sys.stderr)


if __name__ == "__main__":
    main()
