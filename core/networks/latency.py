"""How long a network takes to read one digit, measured where it is asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import zip_longest
from threading import Lock

import numpy as np

from core.networks.network import Network

SECONDS = 0.02  # of measuring, for each network
FEWEST = 5
BUDGET = 2.0  # seconds of measuring, for all that are asked for at once
KEPT = 10_000  # networks; every width of every family on half a dozen image shapes


def microseconds(network: Network) -> float:
    """Return the shortest time of NumPy's forward pass for one image in microseconds.

    The time does not depend on the values of the weights, so random ones do. The shortest, as whatever
    else the machine does only adds to it.
    """
    draw = np.random.default_rng(0)
    some = draw.normal(0, 0.1, 10_007).astype(np.float32)  # over and over, as to draw millions takes seconds
    weights = [np.resize(some, shape) for shape in network.weight_shapes]
    image = draw.random((1, *network.input_shape), np.float32)
    network.predict(weights, image)  # the first call fills the caches
    took: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(took) < FEWEST or time.perf_counter() < end:
        begun = time.perf_counter()
        network.predict(weights, image)
        took.append(time.perf_counter() - begun)
    return 1e6 * min(took)


class Latencies:
    """The times of networks, each measured once.

    Args:
        measure: what gives the microseconds of a network.
        budget: seconds of measuring for all that are asked for at once.
        kept: how many are remembered; the oldest go first.
    """

    def __init__(
        self, measure: Callable[[Network], float] = microseconds, budget: float = BUDGET, kept: int = KEPT
    ) -> None:
        self._measure, self._budget, self._kept = measure, budget, kept
        self._measuring = Lock()
        self._measured: dict[Network, float] = {}

    def of(self, network: Network) -> float:
        """Return the microseconds of one network, measured now or before."""
        with self._measuring:  # two at once would be in each other's way
            if network not in self._measured:
                if len(self._measured) >= self._kept:
                    del self._measured[next(iter(self._measured))]
                self._measured[network] = self._measure(network)
            return self._measured[network]

    def estimates(self, families: Mapping[str, Mapping[int, Network]]) -> dict[str, dict[int, float]]:
        """Return the microseconds of many networks, measured as far as the budget goes.

        The smallest and the largest network of a family are always measured, then those in between, each time the
        middle one. What is not reached lies on straight lines between its family's measured neighbours, in logarithms
        of time against multiply-adds. The next call measures further, so a table of any length is measured throughout
        in the end.

        Args:
            families: by key and width, the networks.

        Returns:
            As ``families``, the times.
        """
        end = time.perf_counter() + self._budget
        found: dict[str, dict[int, float]] = {key: {} for key in families}
        for turn in zip_longest(*(_spread(key, networks) for key, networks in families.items())):
            for key, width, network in filter(None, turn):
                if network in self._measured or len(found[key]) < 2 or time.perf_counter() < end:
                    found[key][width] = self.of(network)
        return {key: _fill(networks, found[key]) for key, networks in families.items()}


def _spread(key: str, networks: Mapping[int, Network]) -> list[tuple[str, int, Network]]:
    """Return a family's networks in an order whose beginnings are spread over all multiply-adds."""
    widths = sorted(networks, key=lambda n: networks[n].multiply_adds)
    order = dict.fromkeys([*widths[:1], *widths[-1:]])
    gaps = [(0, len(widths) - 1)]
    for low, high in gaps:  # grows as it goes
        if high - low > 1:
            middle = (low + high) // 2
            order[widths[middle]] = None
            gaps += [(low, middle), (middle, high)]
    return [(key, n, networks[n]) for n in order]


def _fill(networks: Mapping[int, Network], known: Mapping[int, float]) -> dict[int, float]:
    """Return the times of all networks of a family from those known."""
    work = {n: float(np.log(networks[n].multiply_adds)) for n in networks}
    measured = sorted(known, key=work.__getitem__)
    at, times = [work[n] for n in measured], np.log([known[n] for n in measured])
    return {n: known[n] if n in known else float(np.exp(np.interp(work[n], at, times))) for n in networks}


LATENCIES = Latencies()
