"""What the tests of the decoders share: an input of three columns and at most four rows, and files of numpy.save."""

import io

import numpy as np

from service.codec.rows import features_input

NAMES = ("height", "width", "depth")
FEATURES = features_input(NAMES, max_rows=4)
GOOD = [[0.0, 0.5, 1.0], [1.0, 2.0, 3.0]]


def npy(array: np.ndarray, **options: bool) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()
