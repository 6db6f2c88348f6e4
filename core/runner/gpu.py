"""NVIDIA cards as their driver sees them: name, memory and use; read without TensorFlow, and none where none is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True, slots=True)
class Card:
    """One card at one moment, whoever uses it.

    Attributes:
        name: the maker's.
        driver: the driver's version.
        used: bytes of its memory in use, None where the driver does not tell, as for a part of a card.
        total: bytes of its memory, likewise.
        busy: per cent of the last moments in which something ran on it, likewise.
    """

    name: str
    driver: str
    used: int | None
    total: int | None
    busy: int | None

    def __str__(self) -> str:
        facts = []
        if self.used is not None and self.total is not None:
            facts.append(f"{self.used / 1e9:.1f} of {self.total / 1e9:.1f} GB of memory in use")
        if self.busy is not None:
            facts.append(f"{self.busy} % busy")
        return f"{self.name}, driver {self.driver}{': ' if facts else ''}{', '.join(facts)}"


class Driver:
    """NVIDIA's driver, or none: begun when it is first asked, and asked once a second at most."""

    def __init__(self) -> None:
        self._read: tuple[int, tuple[Card, ...]] = (-1, ())

    def cards(self) -> tuple[Card, ...]:
        """Return every card that this process may see; all who ask within a second share one reading."""
        second = int(time.monotonic())
        if self._read[0] != second:
            self._read = (second, self._ask())
        return self._read[1]

    def _ask(self) -> tuple[Card, ...]:
        nvml = self._library
        if nvml is None:
            return ()
        try:
            driver = nvml.nvmlSystemGetDriverVersion()
            handles = [nvml.nvmlDeviceGetHandleByIndex(x) for x in range(nvml.nvmlDeviceGetCount())]
            return tuple(_card(nvml, driver, x) for x in handles)
        except nvml.NVMLError:  # a card has fallen off the bus, or the driver is being replaced
            return ()

    @cached_property
    def _library(self) -> Any:
        """NVML, begun once for the life of the process, or None without a driver."""
        import pynvml

        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError:
            return None
        return pynvml


def _card(nvml: Any, driver: str, handle: Any) -> Card:
    def told(ask: Callable[[Any], Any]) -> Any:
        try:
            return ask(handle)
        except nvml.NVMLError_NotSupported:
            return None

    memory, use = told(nvml.nvmlDeviceGetMemoryInfo), told(nvml.nvmlDeviceGetUtilizationRates)
    return Card(
        nvml.nvmlDeviceGetName(handle),
        driver,
        memory.used if memory else None,
        memory.total if memory else None,
        use.gpu if use else None,
    )


DRIVER = Driver()
