"""Keras as oracle, the article's networks written a second time, by hand, and what a run of the tests says last."""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from core.data import datasets
from core.networks.layers import Array, Shape

if sys.platform == "darwin":
    # On Apple Silicon `fit` hangs if TensorFlow 2.21 is imported after pandas or pyarrow, which other tests import.
    import tensorflow  # noqa: F401

# A machine that is busy with something else is no failure.
settings.register_profile("featherweight", deadline=None)
if settings.get_current_profile_name() == "default":  # under CI Hypothesis picks its own, which does not draw at random
    settings.load_profile("featherweight")

# How a skip says that a program is missing: "No Chromium found: install it with 'apt-get install chromium'."
MISSING = re.compile(r"No (?P<program>\S+) found: install it with 'apt-get install \S+'\.$")
INSTALL = "apt-get install chromium nginx caddy"  # all of them: tests that lack one program may lack the next as well

WRITTEN = ("mlp", "pooled_mlp", "cnn", "deep_cnn")  # the article's families, which are written below a second time

# (key, width, input shape, classes, dropout) -> keras.Sequential
Article = Callable[..., Any]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """Say below everything else which tests were skipped for want of a program, and the one line that installs it."""
    yield
    lacking: dict[str, Counter[str]] = defaultdict(Counter)
    for report in terminalreporter.stats.get("skipped", ()):
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple | list) else str(report.longrepr)
        if found := MISSING.search(reason):
            lacking[found["program"]][report.nodeid.partition("::")[0]] += 1
    if not lacking:
        return
    terminalreporter.section("skipped for want of a program", yellow=True)
    for program, files in sorted(lacking.items()):
        for file, count in sorted(files.items()):
            terminalreporter.write_line(f"no {program}: {count} in {file}")
    total = sum(files.total() for files in lacking.values())
    terminalreporter.write_line(f"{total} of the tests did not run. To have them: {INSTALL}", yellow=True, bold=True)


@pytest.fixture(scope="session")
def as_served() -> Generator[None]:
    """Let Streamlit do at every run of an AppTest only what a server does at every run of a page.

    A server looks for components in what is installed once, as it starts, and has no Keras to tidy up after.
    """
    from streamlit.components.v2 import manifest_scanner
    from streamlit.runtime.scriptrunner import script_runner

    found = manifest_scanner.scan_component_manifests()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", lambda: found)
        patch.setattr(script_runner, "_clean_problem_modules", lambda: None)
        yield


@pytest.fixture(scope="session")
def keras() -> Any:
    """Keras on the CPU: graphics cards may round products to ten bits, too coarse for an oracle."""
    import keras
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")
    return keras


@pytest.fixture(scope="session")
def article(keras: Any) -> Article:
    """The article's networks, written here by hand in Keras without looking at core/networks/families.py."""
    layers = keras.layers

    def dense(units: int) -> Any:
        return layers.Dense(units, activation="relu")

    def conv(filters: int) -> Any:
        return layers.Conv2D(filters, (3, 3), activation="relu")

    def pool() -> Any:
        return layers.MaxPooling2D((2, 2))

    def mlp(n: int) -> list[Any]:
        return [layers.Flatten(), dense(n), layers.Dropout(0.2), dense(n), layers.Dropout(0.2)]

    def cnn(n: int) -> list[Any]:
        convolutions = [conv(n), conv(2 * n), pool(), layers.Dropout(0.25)]
        return [*convolutions, layers.Flatten(), dense(4 * n), layers.Dropout(0.5)]

    def deep_cnn(n: int) -> list[Any]:
        first = [conv(n), conv(n), pool(), layers.Dropout(0.25)]
        second = [conv(2 * n), conv(2 * n), pool(), layers.Dropout(0.25)]
        return [*first, *second, layers.Flatten()]

    hidden = {"mlp": mlp, "pooled_mlp": lambda n: [pool(), *mlp(n)], "cnn": cnn, "deep_cnn": deep_cnn}

    def build(key: str, n: int, shape: Shape = (28, 28, 1), classes: int = 10, dropout: bool = False) -> Any:
        kept = [x for x in hidden[key](n) if dropout or not isinstance(x, layers.Dropout)]
        return keras.Sequential([keras.Input(shape), *kept, layers.Dense(classes, activation="softmax")])

    return build


@pytest.fixture(scope="session")
def digits() -> tuple[Array, Array]:
    """The 5,000 real digits in random order: images ``(5000, 28, 28, 1)`` from 0 to 1, and labels."""
    # sorted by digit first, as they once came, so that the random order is the one the tests have always seen
    parts = [(part, digit) for digit in range(10) for part in ("train", "test")]
    with np.load(datasets.PATH) as file:
        arrays = dict(file)
    images, labels = (np.concatenate([arrays[f"{x}_{part}"][digit::10] for part, digit in parts]) for x in "xy")
    order = np.random.default_rng(0).permutation(len(images))
    return (images[order] / 255).astype(np.float32)[..., np.newaxis], labels[order].astype(int)
