"""Measure what the training process takes of memory at its peak, beside what was forecast; Linux alone tells it.

python -m benchmarks.memory --network deep_cnn:2 --images 10000 --shape 96x96x3 [--protocol held_out] [--json]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.data import npz
from core.networks.families import family
from core.recipe import Protocol
from core.runner.local import LocalBackend
from core.runs import memory
from core.runs.messages import Failed, Job


def peak(pid: int) -> int:
    """Return the most bytes that a process has held."""
    told = Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()
    return int(told[0]) * 1024


def main() -> None:
    """Write random images, train on them, and print the peak and the forecast."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--network", default="deep_cnn:2", help="family:width")
    parser.add_argument("--images", type=int, default=10_000, help="a sixth of them to test")
    parser.add_argument("--shape", default="96x96x3")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--protocol", default="article", choices=list(Protocol))
    parser.add_argument("--compressed", action="store_true", help="the file, as numpy.savez_compressed writes it")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    key, _, width = asked.network.partition(":")
    shape = tuple(int(x) for x in asked.shape.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.npz"
        x = np.random.default_rng(0).integers(0, 256, (asked.images, *shape), dtype=np.uint8)
        y, tested = np.arange(asked.images) % 10, asked.images // 6
        write = np.savez_compressed if asked.compressed else np.savez
        write(path, x_train=x[tested:], y_train=y[tested:], x_test=x[:tested], y_test=y[:tested])
        del x
        facts, chosen = npz.facts(path), family(key)
        network = chosen.build(int(width), facts.input_shape, facts.classes)
        recipe = replace(chosen.recipe, epochs=asked.epochs, protocol=Protocol(asked.protocol))
        backend = LocalBackend(Path(folder) / "log")
        backend.start()
        pid = backend.pid
        assert pid
        idle = peak(pid)
        (event,) = [*backend.train(Job("1", chosen.identity(int(width), recipe.dropout), recipe, 0, str(path)))][-1:]
        assert not isinstance(event, Failed), event
        found = {"idle": idle, "peak": peak(pid), "forecast": memory.need(network, facts, recipe)}
        backend.close()
    print(json.dumps(found) if asked.json else ", ".join(f"{name} {x / 1e6:,.0f} MB" for name, x in found.items()))


if __name__ == "__main__":
    main()
