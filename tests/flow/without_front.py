"""The service as BentoML alone would answer it: the same APIs, and no front before them. For the tests."""

import bentoml

from service.service import Archscale

Unfronted = bentoml.service(name="archscale", workers=1)(Archscale.inner)
