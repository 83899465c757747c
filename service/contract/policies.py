"""Rules that training, service and load test hold each other to."""

from typing import Literal

PARITY_TOLERANCE = 1e-5
"""|a - b| <= PARITY_TOLERANCE * (1 + |b|), in standard deviations of the target for a regression."""

Policy = Literal["allow", "clip", "reject"]
"""Raw values outside the range that their column had in training. allow: count them; clip: count them and answer as if
they lay at the end of the range; reject: refuse the request."""

UnknownCategory = Literal["reject", "ignore"]
"""Levels of a category that training never saw. reject: refuse the request; ignore: count them, and answer as for the
rare levels where training grouped some, or as for no level at all."""

UNKNOWN_CODE = -1.0
"""What the graphs take for such a level."""

MISSING_SPELLINGS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")
"""Cells of a CSV file or body that hold no value. In JSON null alone is one."""

BLANKS = " \t\n\v\f\r\u00a0\u2007\u202f\u200b\ufeff"
"""What is stripped from the cells and names of a CSV file or body, and nothing beside it: blanks, those too at which no
line breaks, and what has no width, which spreadsheets and web pages leave around words."""

BOOLEAN_SPELLINGS = (("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"), ("0", "1"))
"""Words for 0 and for 1, in lower case: a column whose values are both of one pair, in any case, is a boolean."""

MOST_CLASSES = 100
"""Of a classification."""
