"""How long a network takes to read one digit, measured where it is asked for."""

from __future__ import annotations

import time
from functools import lru_cache

import numpy as np

from core.network import Network

SECONDS = 0.02  # of measuring, for each network
FEWEST = 5


@lru_cache(maxsize=512)
def microseconds(network: Network) -> float:
    """Return the shortest time of NumPy's forward pass for one image in microseconds; measured once per process.

    The time does not depend on the values of the weights, so random ones do. The shortest, as whatever
    else the machine does only adds to it.
    """
    draw = np.random.default_rng(0)
    weights = [draw.normal(0, 0.1, shape).astype(np.float32) for shape in network.weight_shapes]
    image = draw.random((1, *network.input_shape), np.float32)
    network.predict(weights, image)  # the first call fills the caches
    took: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(took) < FEWEST or time.perf_counter() < end:
        begun = time.perf_counter()
        network.predict(weights, image)
        took.append(time.perf_counter() - begun)
    return 1e6 * min(took)
