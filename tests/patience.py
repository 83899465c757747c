"""How long tests wait: what takes seconds takes longer on a busy machine, and what takes minutes hangs."""

from functools import partial

import httpx

PATIENCE_SECONDS = 600.0
get, post, request = (partial(call, timeout=PATIENCE_SECONDS) for call in (httpx.get, httpx.post, httpx.request))
