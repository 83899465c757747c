"""The BentoML service: one set of APIs for each architecture in the release. Run: bentoml serve.

Importing this module opens the release, because BentoML needs the class with its APIs and models built.
"""

import functools
import os
import sys
from pathlib import Path
from typing import Any

import bentoml
from _bentoml_sdk.models import BentoModel
from _bentoml_sdk.service import Service
from bentoml._internal.bento.bento import BentoModelInfo
from bentoml._internal.configuration.containers import BentoMLContainer
from starlette.applications import Starlette
from starlette.types import ASGIApp

from service.access.key_file import KeyFileError, read_keys
from service.answers.readiness import READINESS
from service.contract.files import entry_name
from service.contract.names import PREPROCESSING
from service.image import make_image
from service.models.endpoints import make_endpoints
from service.models.entry import ReleaseError
from service.models.inference import Models, load_models
from service.models.release import Release, open_release
from service.settings import ServiceSettings, SettingsError, load_settings
from service.web import metrics_folder, worker
from service.web.apis import declare_apis
from service.web.drain import drain_before_the_end
from service.web.tracing import ExporterError, check_exporter
from service.web.watchdog import end_when_the_loop_hangs

USER_ERROR = 2


def _open() -> tuple[ServiceSettings, Release]:
    """Read the settings and open the release, or end this process with one line that says what to do."""
    try:
        settings = load_settings()
        if settings.keys_file is not None:
            read_keys(settings.keys_file)
        return settings, open_release(wanted=settings.release, only=settings.architectures)
    except (SettingsError, KeyFileError, ReleaseError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(USER_ERROR) from None


SETTINGS, RELEASE = _open()
HOME = Path(BentoMLContainer.bentoml_home.get())


@functools.cache
def models() -> Models:
    """Graphs of this process, loaded once: the front and the APIs share them."""
    return load_models(RELEASE, threads=SETTINGS.threads)


class FrozenModel(BentoModel):
    """A model that ``bentoml build`` writes into the Bento under an alias.

    The alias is what freezes a Bento to its release: inside a Bento it stands for the exact version, and
    ``service.models.release`` asks for it. BentoML takes aliases from bentofile.yaml alone, where the version can
    only be 'latest'; declared here, ARCHSCALE_RELEASE also says which release is built (1.4.39).
    """

    def to_info(self, alias: str | None = None) -> BentoModelInfo:
        """Return the entry of the Bento's list of models."""
        return super().to_info(alias or self.tag.name)


class FrontedService(Service[Any]):
    """A BentoML service whose requests meet ``Front`` first."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        """Wrap BentoML's application, in the process that is about to serve it."""
        try:
            metrics_folder.take()
        except metrics_folder.MetricsFolderError as error:
            print(error, file=sys.stderr)
            raise SystemExit(1) from None
        from service.web.stack import make_app  # the metrics that it makes belong to a worker alone

        app: Starlette = super().to_asgi(is_main)
        return make_app(app, models(), SETTINGS)


class _Archscale:
    """Predictions of several neural architectures that were trained on one table."""

    def __init__(self) -> None:
        self.release = RELEASE.version
        endpoints = make_endpoints(
            models(),
            max_rows=SETTINGS.max_rows,
            out_of_range=SETTINGS.out_of_range,
            unknown_category=SETTINGS.unknown_category,
        )
        self.endpoints = {endpoint.route: endpoint for endpoint in endpoints}

    @bentoml.on_startup
    def settle(self) -> None:
        """Leave start-up behind."""
        from service.web import vitals  # its metrics belong to a worker alone

        worker.silence_uvicorn()
        worker.allow_open_files()
        worker.freeze_heap()
        drain_before_the_end(SETTINGS.drain_seconds, end_seconds=SETTINGS.end_seconds)
        end_when_the_loop_hangs(SETTINGS.hang_seconds)
        vitals.report()

    def __is_ready__(self) -> bool:
        """Whether ``/readyz`` answers 200."""
        return READINESS.is_ready

    @bentoml.on_deployment
    @staticmethod
    def prove() -> None:
        """Once, before any worker: prove the golden rows, and hold every worker to the release that was proven."""
        # The parent's own: a worker imports this module too.
        from service.web import parent
        from service.web.tested import UntestedError, check_uvicorn

        try:
            check_exporter()
        except ExporterError as error:
            print(error, file=sys.stderr)
            raise SystemExit(USER_ERROR) from None
        try:
            check_uvicorn()
            load_models(RELEASE, threads=SETTINGS.threads)
            metrics_folder.make(HOME, SETTINGS.workers)
        except (UntestedError, ReleaseError, metrics_folder.MetricsFolderError) as error:
            print(error, file=sys.stderr)
            raise SystemExit(1) from None
        parent.prepare(SETTINGS.hang_seconds)
        # A worker that is respawned after a newer release was saved would otherwise come back with that one.
        os.environ["ARCHSCALE_RELEASE"] = RELEASE.version
        # From 10,000 numbers on, OpenBLAS would share out even a dot product, and its threads spin on after it: 64 rows
        # took three times the processor time on two processors (NumPy 2.4).
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _model_attributes() -> dict[str, BentoModel]:
    """Every part of the release as an attribute, which is where ``bentoml build`` looks for models."""
    parts = {
        f"model_{name.replace('-', '_')}": BentoModel(f"{entry_name(name)}:{RELEASE.version}")
        for name in RELEASE.manifest.architectures
    }
    return {PREPROCESSING: FrozenModel(f"{entry_name(PREPROCESSING)}:{RELEASE.version}"), **parts}


Archscale = bentoml.service(
    name="archscale",
    service_class=FrontedService,
    workers=SETTINGS.workers,
    image=make_image(RELEASE.version),
)(
    type(
        "Archscale",
        (_Archscale,),
        {
            **declare_apis(RELEASE, SETTINGS),
            **_model_attributes(),
        },
    )
)
