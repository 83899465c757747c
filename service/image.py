"""The image that ``bentoml containerize`` makes of a Bento: what stands in its Containerfile.

BentoML 1.4.39 has two ways to say it. A ``dockerfile_template`` in bentofile.yaml can say all of it, but then
``bentoml containerize`` works from the root folder alone (BentoML issue 5566). ``Image`` in code is rendered into a
fixed template: one stage that keeps its tools, without labels or health check. It writes commands as they stand,
however, so the last one here goes on past its line, with a second stage that takes the packages and nothing else.
"""

from pathlib import Path

from bentoml.images import Image

from service import __version__

BASE_IMAGE = "python:3.11-slim-bookworm"
LOCK = Path(__file__).parents[1] / "requirements/service.txt"
# The template installs whatever uv is newest, unless there is one.
INSTALLER = (
    "uv==0.13.9"
    " --hash=sha256:d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19"  # x86_64
    " --hash=sha256:5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe"  # aarch64
)
INSTALL_INSTALLER = (
    f"echo '{INSTALLER}' > /installer.txt && "
    "python3 -m pip install --quiet --no-cache-dir --require-hashes --requirement /installer.txt"
)

# With http.client: urllib would ask a container's HTTP_PROXY for it.
HEALTH_CHECK = (
    "import http.client, os, sys; "
    "server = http.client.HTTPConnection('127.0.0.1:' + os.environ['BENTOML_PORT'], timeout=2); "
    "server.request('GET', '/readyz'); "
    "sys.exit(server.getresponse().status != 200)"
)

# All that is written lies under /tmp: the root file system can be read-only. Hence the modules are compiled here.
# BENTOML_CONTAINERIZED, which the template sets in its own stage, would keep BentoML from replacing a killed worker.
FINAL_STAGE = """
FROM {base}
COPY --from=base-container /etc/passwd /etc/group /etc/
COPY --from=base-container /app/.venv /app/.venv
WORKDIR /home/bentoml/bento
ENV PATH=/app/.venv/bin:$PATH PYTHONPATH=/home/bentoml/bento/src PYTHONUNBUFFERED=1 \\
    HOME=/tmp BENTOML_HOME=/tmp/bentoml BENTOML_PORT=3000 BENTOML_DO_NOT_TRACK=True
COPY ./src ./src
RUN python -m compileall -q ./src
ARG REVISION=unknown
LABEL org.opencontainers.image.title=archscale \\
      org.opencontainers.image.version={version} \\
      org.opencontainers.image.revision=$REVISION \\
      archscale.release={release}
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=2 CMD ["python", "-c", "{health_check}"]
STOPSIGNAL SIGTERM
CMD ["python", "-m", "service.container"]
"""


def make_image(release: str) -> Image:
    """Return the image of a Bento of ``release``: the locked packages, each checked against its hash, and no tools."""
    final_stage = FINAL_STAGE.format(base=BASE_IMAGE, version=__version__, release=release, health_check=HEALTH_CHECK)
    return Image(
        base_image=BASE_IMAGE,
        distro="plain",  # a name that BentoML does not know: for 'debian' it installs compilers and git
        lock_python_packages=False,  # they are locked; resolving again over the network would drop their hashes
        python_requirements=LOCK.read_text(),
        commands=[INSTALL_INSTALLER],
        post_commands=[f"uv pip check\n{final_stage}"],
    )
