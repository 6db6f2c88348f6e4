from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
import pytest

from core.errors import StoreError
from core.networks.families import family
from core.runs import weights


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def test_arrays_come_in_the_order_of_their_numbers() -> None:
    network = family("deep_cnn").build(2)
    made = [np.random.default_rng(i).random(x, np.float32) for i, x in enumerate(network.weight_shapes)]
    read = weights.read(npz(**{str(i): made[i] for i in reversed(range(len(made)))}), network)
    assert len(read) == 10 and all((x == y).all() for x, y in zip(read, made, strict=True))


def test_another_networks_weights_are_refused() -> None:
    network = family("mlp").build(2)
    good = {str(i): np.zeros(x, np.float32) for i, x in enumerate(network.weight_shapes)}
    assert weights.read(npz(**good), network)
    bad: list[dict[str, Any]] = [
        good | {"0": good["0"].T},
        {x: good[x] for x in list(good)[:-1]},
        good | {"6": np.zeros(1, np.float32)},
        good | {"1": np.array(["a", "b"])},
    ]
    for arrays in bad:
        with pytest.raises(StoreError, match="another network's"):
            weights.read(npz(**arrays), network)


def test_what_is_no_file_of_weights_is_refused() -> None:
    network = family("mlp").build(2)
    lone = io.BytesIO()
    np.save(lone, np.zeros(3))
    objects = npz(**{"0": np.array([{}], dtype=object)})
    whole = npz(**{"0": np.zeros(3)})
    for content in (b"", b"no zip", pickle.dumps([1]), lone.getvalue(), objects, whole[:-30], npz(other=np.zeros(2))):
        with pytest.raises(StoreError, match="are damaged"):
            weights.read(content, network)
