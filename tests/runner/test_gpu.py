from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from core.runner import gpu
from core.runner.gpu import Card, Driver


class NVMLError(Exception):
    pass


class NotSupported(NVMLError):
    pass


class Nvml:
    """Stands in for the module pynvml: two cards, the second of which tells neither memory nor use."""

    NVMLError = NVMLError
    NVMLError_NotSupported = NotSupported

    def __init__(self) -> None:
        self.begun = self.readings = 0
        self.driver = True

    def nvmlInit(self) -> None:
        self.begun += 1
        if not self.driver:
            raise NVMLError("Driver Not Loaded")

    def nvmlSystemGetDriverVersion(self) -> str:
        self.readings += 1
        return "570.86.15"

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetName(self, handle: int) -> str:
        return ("NVIDIA H200", "A part of a card")[handle]

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:
        return self._told(handle, used=1_234_567_890, total=150_754_820_096)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:
        return self._told(handle, gpu=37)

    def _told(self, handle: int, **facts: int) -> Any:
        if handle:
            raise NotSupported
        return SimpleNamespace(**facts)


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Nvml:
    fake = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    at(monkeypatch, 1000)
    return fake


def at(monkeypatch: pytest.MonkeyPatch, second: int) -> None:
    monkeypatch.setattr(gpu, "time", SimpleNamespace(monotonic=lambda: float(second)))


def test_what_the_driver_tells(nvml: Nvml) -> None:
    whole, part = Driver().cards()
    assert whole == Card("NVIDIA H200", "570.86.15", 1_234_567_890, 150_754_820_096, 37)
    assert str(whole) == "NVIDIA H200, driver 570.86.15: 1.2 of 150.8 GB of memory in use, 37 % busy"
    assert str(part) == f"{part.name}, driver {part.driver}"


def test_a_card_that_is_idle_tells_so(nvml: Nvml) -> None:
    said = str(Card("One", "1", 0, 10**9, 0))
    assert " 0.0 of 1.0 GB " in said and " 0 % " in said


def test_a_second_is_read_once_and_the_library_begun_once(nvml: Nvml, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver()
    first = [driver.cards() for _ in range(30)]
    at(monkeypatch, 1001)
    assert set(first) == {driver.cards()}
    assert (nvml.begun, nvml.readings) == (1, 2)


def test_without_a_driver_there_is_nothing_and_nothing_is_asked_again(
    nvml: Nvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml.driver = False
    driver = Driver()
    for second in range(3):
        at(monkeypatch, second)
        assert driver.cards() == ()
    assert (nvml.begun, nvml.readings) == (1, 0)


def test_a_card_that_is_lost_is_nothing_and_may_come_back(nvml: Nvml, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(index: int) -> int:
        raise NVMLError("GPU is lost")

    driver = Driver()
    with monkeypatch.context() as patch:
        patch.setattr(nvml, "nvmlDeviceGetHandleByIndex", lost)
        assert driver.cards() == ()
    at(monkeypatch, 1001)
    assert len(driver.cards()) == 2


def test_the_real_library_answers_on_any_machine() -> None:
    assert all(str(card) for card in Driver().cards())
