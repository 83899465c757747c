"""Rules that training, service and load test hold each other to."""

from typing import Literal

PARITY_TOLERANCE = 1e-5
"""|a - b| <= PARITY_TOLERANCE * (1 + |b|), in standard deviations of the target for a regression."""

Policy = Literal["allow", "clip", "reject"]
"""Raw values outside the range that their column had in training. allow: count them; clip: count them and answer as if
they lay at the end of the range; reject: refuse the request."""
