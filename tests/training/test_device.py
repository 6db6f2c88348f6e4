"""Graphics cards are stood in for: what TensorFlow would say of them, and what is asked of it then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from core.training import device as module
from core.training.device import Capability, Device, device, fits

SHIPPED = ("sm_60", "sm_70", "sm_80", "sm_89", "compute_90")
BUILT = [(6, 0), (7, 0), (8, 0), (8, 9), (9, 0)]
Cards = Callable[..., dict[str, Any]]


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cards:
    """Return a function that puts cards into the machine, ``cards(("A100", (8, 0)))``, and gives what becomes of them.

    ``visible`` is what TensorFlow is let see afterwards, ``growing`` the cards whose memory is taken as it is needed.
    """
    monkeypatch.setattr(module, "DRIVER", tmp_path / "nvidiactl")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    became: dict[str, Any] = {"visible": None, "growing": []}

    def put(*there: tuple[str, Capability | None], built: tuple[str, ...] = SHIPPED, driver: bool = True) -> Any:
        def details(index: int) -> dict[str, Any]:
            name, capability = there[index]
            return {"device_name": name} | ({"compute_capability": capability} if capability else {})

        if driver:
            module.DRIVER.touch()
        config = tf.config
        monkeypatch.setattr(config, "get_visible_devices", lambda kind: list(range(len(there))))
        monkeypatch.setattr(config, "set_visible_devices", lambda gpus, kind: became.update(visible=gpus))
        monkeypatch.setattr(config.experimental, "get_device_details", details)
        monkeypatch.setattr(config.experimental, "set_memory_growth", lambda x, on: became["growing"].append((x, on)))
        monkeypatch.setattr(tf.sysconfig, "get_build_info", lambda: {"cuda_compute_capabilities": list(built)})
        return became

    return put


def found() -> Device:
    return device.__wrapped__()


@pytest.mark.parametrize(
    ("capability", "expected"),
    [
        ((6, 1), True),
        ((7, 5), True),
        ((8, 6), True),
        ((9, 0), True),
        ((10, 0), False),  # Blackwell, of the data centre
        ((12, 0), False),  # and of the desk
        ((5, 2), False),
        (None, True),
    ],
)
def test_which_cards_can_be_used(capability: Capability | None, expected: bool) -> None:
    assert fits(capability, BUILT) is expected


def test_a_build_that_tells_nothing_rules_nothing_out() -> None:
    assert fits((12, 0), [])


def test_architectures_as_a_build_names_them() -> None:
    names = [*SHIPPED, "sm_100a", "compute_120"]
    assert [module._capability(x) for x in names] == [*BUILT, (10, 0), (12, 0)]


def test_what_this_tensorflow_says_of_itself_is_understood() -> None:
    info = tf.sysconfig.get_build_info()
    built = [module._capability(x) for x in info.get("cuda_compute_capabilities", ())]
    assert bool(built) == info["is_cuda_build"]
    assert all((5, 0) <= x < (20, 0) for x in built)


def test_a_gpu_is_used_and_takes_memory_as_it_needs_it(cards: Cards) -> None:
    became = cards(("NVIDIA H200", (9, 0)), ("NVIDIA A100", (8, 0)))
    assert found() == Device("GPU: NVIDIA H200", True, ("float32", "bfloat16"))
    assert became == {"visible": [0], "growing": [(0, True)]}


def test_an_older_gpu_has_no_bfloat16(cards: Cards) -> None:
    cards(("Tesla T4", (7, 5)))
    assert found() == Device("GPU: Tesla T4", True, ("float32",))


def test_a_card_of_another_maker_is_used(cards: Cards) -> None:
    cards(("", None), built=(), driver=False)
    assert found().gpu and found().precisions == ("float32",)


def test_a_card_too_new_is_left_alone_and_said(cards: Cards) -> None:
    became = cards(("NVIDIA B200", (10, 0)))
    chosen = found()
    assert not chosen.gpu and chosen.name.startswith("CPU: ")
    assert chosen.note == (
        f"NVIDIA B200 (compute capability 10.0) cannot be used: TensorFlow {tf.__version__} has code for compute "
        "capabilities 6.0 to 9.x. Training runs on the processor."
    )
    assert became == {"visible": [], "growing": []}


def test_the_next_card_that_can_be_used_is_taken(cards: Cards) -> None:
    became = cards(("NVIDIA B200", (10, 0)), ("NVIDIA H100", (9, 0)))
    assert found() == Device("GPU: NVIDIA H100", True, ("float32", "bfloat16"))
    assert became == {"visible": [1], "growing": [(1, True)]}


def test_a_driver_without_a_card_for_tensorflow_is_said(cards: Cards, monkeypatch: pytest.MonkeyPatch) -> None:
    cards()
    assert (found().note or "").startswith("This machine has an NVIDIA driver, but TensorFlow finds no card")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert found().note is None


def test_a_machine_without_a_driver_has_nothing_to_say(cards: Cards) -> None:
    cards(driver=False)
    assert found().note is None and not found().gpu
