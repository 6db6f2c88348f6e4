"""The Keras script that trains a run again without any of this project's code."""

from __future__ import annotations

from collections.abc import Mapping
from string import Template

from core.data.datasets import EMBEDDED
from core.data.images import HELD_OUT
from core.networks.initial import spreads
from core.networks.network import Network
from core.recipe import BETA2, OPTIMIZER_TITLES, STEPS, Initialization, Protocol, Recipe, Schedule
from core.runs.run import Cell

_SCRIPT = Template('''\
"""Train $title, n = $width, with plain Keras: $parameters weights.

    pip install $packages
    python reproduce.py$usage

Recipe: $recipe; seed $seed.

Keras draws its initial weights and its order of the images from this seed in another way than Featherweight's own
trainer did, which also computes its sums in another order. So the accuracy agrees as well as that of two seeds does,
not bit for bit.
"""

import sys
${imports}
import keras
import numpy as np

keras.utils.set_random_seed($seed)
${policy}
${data}

def pixels(x):
    """Bytes become numbers from 0 to 1; other numbers stay as they are."""
    scale = 255 if x.dtype == np.uint8 else 1
    return (x.astype("float32") / scale).reshape(len(x), *${shape})


x_train, x_test = pixels(x_train), pixels(x_test)
y_train, y_test = y_train.reshape(-1).astype("int32"), y_test.reshape(-1).astype("int32")
${watched}
$model
${before}model.compile(
    optimizer=keras.optimizers.$optimizer($settings),
    loss=$loss,
    metrics=["accuracy"],
)
${fit}
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
weights = sum(int(np.prod(x.shape)) for x in model.trainable_weights)
print(f"{weights} weights, test accuracy {accuracy:.4f}")
''')

_POLICY = """\
# Matrix work in bfloat16, weights in float32.
keras.config.set_dtype_policy("mixed_bfloat16")
"""

_ARRAYS = 'x_train, y_train, x_test, y_test = (file[name] for name in ("x_train", "y_train", "x_test", "y_test"))'
_GIVEN_DATA = f"""\
if len(sys.argv) > 1:
    with np.load(sys.argv[1], allow_pickle=False) as file:
        {_ARRAYS}
else:
"""
_KERAS_DATA = f"""{_GIVEN_DATA}\
    (x_train, y_train), (x_test, y_test) = keras.datasets.{{}}.load_data()
"""
# The bundle has the file; whoever runs the script may be in any folder.
_EMBEDDED_DATA = f"""\
beside = Path(__file__).with_name("{EMBEDDED}.npz")  # came with this script: 400 of each digit to train, 100 to test
with np.load(sys.argv[1] if len(sys.argv) > 1 else beside, allow_pickle=False) as file:
    {_ARRAYS}
"""
_OWN_DATA = f"""{_GIVEN_DATA}\
    sys.exit("Give the path of the image set: python reproduce.py {{}}.npz")
"""

_ARTICLE = """\
watched = x_test, y_test  # after every epoch, as the article did

"""
# The same rule as core.data.images.held_out; RandomState's numbers never change.
_HELD_OUT = f"""\

# One in {HELD_OUT} training images of every class is held out, the same for every seed, and measured after every epoch;
# the test images are measured once, at the end.
shuffled = np.random.RandomState(0).permutation(len(y_train))
by_class = shuffled[np.argsort(y_train[shuffled], kind="stable")]
shared = by_class[np.bincount(y_train)[y_train[by_class]] > 1]
held = np.sort(shared[::{HELD_OUT}])
watched = x_train[held], y_train[held]
kept = np.delete(np.arange(len(y_train)), held)
x_train, y_train = x_train[kept], y_train[kept]

"""

_SMOOTHED = """\
# Label smoothing takes labels as shares of the classes; the losses that Keras prints are smoothed too.
shares = np.eye($classes, dtype="float32")
watched = watched[0], shares[watched[1]]
y_train, y_test = shares[y_train], shares[y_test]

"""

_DRAWN = """\
rng = np.random.default_rng($seed)
"""

_HE = """\
# Kernels begin as He et al. (2015) have them: normal, with the root of 2 / inputs where a rectifier follows, else of
# 1 / inputs. These are their deviations, in the order of the weights; None begins as always.
spreads = [$spreads]
for array, spread in zip(model.weights, spreads, strict=True):
    if spread is not None:
        array.assign(rng.normal(0, spread, array.shape).astype("float32"))

"""

_UPDATES = """\
updates = $epochs * -(-len(x_train) // $batch)  # of the whole run
"""
_RATES = {
    Schedule.COSINE: """\
rate = keras.optimizers.schedules.CosineDecay($rate, updates)

""",
    # after half of the updates a tenth, after three quarters a hundredth
    Schedule.STEP: """\
rate = keras.optimizers.schedules.PiecewiseConstantDecay(
    [max(round(share * updates) - 1, 0) for share in $places], [share * $rate for share in $shares]
)

""",
}
_WARMED_UP = """\
warmup = min(round($warmup * updates), updates - 1)
rate = keras.optimizers.schedules.CosineDecay(
    0.0 if warmup else $rate, updates - warmup, warmup_target=$rate if warmup else None, warmup_steps=warmup
)

"""

_SHIFT = """\

def moved(x, most=$shift):
    \"""Every image moved by up to so many pixels up or down and left or right; what comes in is 0.\"""
    height, width = x.shape[1:3]
    framed = np.pad(x, ((0, 0), (most, most), (most, most), (0, 0)))
    tops, lefts = rng.integers(0, 2 * most + 1, (2, len(x)))
    x = np.empty_like(x)
    for top in range(2 * most + 1):
        for left in range(2 * most + 1):
            chosen = (tops == top) & (lefts == left)
            x[chosen] = framed[chosen, top : top + height, left : left + width]
    return x


"""
_FIT = """\
model.fit(x_train, y_train, batch_size=$batch, epochs=$epochs, validation_data=watched, verbose=2)"""
_FIT_MOVED = """\
for epoch in range($epochs):  # in each, images are moved anew and come in another order
    order = rng.permutation(len(x_train))
    images, labels = moved(x_train)[order], y_train[order]
    steps = {"initial_epoch": epoch, "epochs": epoch + 1, "batch_size": $batch, "shuffle": False}
    model.fit(images, labels, validation_data=watched, verbose=2, **steps)"""


def source(cell: Cell, network: Network, versions: Mapping[str, str]) -> str:
    """Return the script of a run.

    Args:
        cell: what determines the run.
        network: its network.
        versions: of the packages it was trained with; the script asks for the same.
    """
    recipe = cell.recipe
    low = recipe.precision == "bfloat16"
    packages = [f"{x}=={versions[x]}" if x in versions else x for x in ("tensorflow", "keras", "numpy")]
    model = network.source().removeprefix("import keras\n\n")
    imports = ""
    if cell.dataset in ("mnist", "fashion_mnist"):
        data, usage = _KERAS_DATA.format(cell.dataset), f" [{cell.dataset}.npz]"
    elif cell.dataset == EMBEDDED:
        data, usage, imports = _EMBEDDED_DATA, f" [{cell.dataset}.npz]", "from pathlib import Path\n"
    else:
        # a file's name may hold anything that a string of Python must not
        name = ascii(cell.dataset)[1:-1].replace('"', r"\"")
        data, usage = _OWN_DATA.format(name), " IMAGES.npz"
    return _SCRIPT.substitute(
        title=cell.chosen.title,
        width=cell.width,
        parameters=f"{network.parameters:,}",
        packages=" ".join(packages),
        usage=usage,
        recipe=str(recipe),
        seed=cell.seed,
        imports=imports,
        policy=_POLICY if low else "",
        data=data,
        shape=network.input_shape,
        watched=_HELD_OUT if recipe.protocol is Protocol.HELD_OUT else _ARTICLE,
        # probabilities in bfloat16 would be too coarse for the loss
        model=model.replace("activation='softmax'", "activation='softmax', dtype='float32'") if low else model,
        optimizer=OPTIMIZER_TITLES[recipe.optimizer],
        settings=_settings(recipe),
        loss=f"keras.losses.CategoricalCrossentropy(label_smoothing={recipe.label_smoothing})"
        if recipe.label_smoothing
        else '"sparse_categorical_crossentropy"',
        before=_before(cell, network),
        fit=Template(_FIT_MOVED if recipe.shift else _FIT).substitute(batch=recipe.batch_size, epochs=recipe.epochs),
    )


def _before(cell: Cell, network: Network) -> str:
    """Return what stands between the model and its training: nothing, of recipes like the article's."""
    recipe = cell.recipe
    parts = [_SMOOTHED] if recipe.label_smoothing else []
    drawn = recipe.initialization is Initialization.HE or recipe.shift
    parts += [_DRAWN] if drawn else []
    parts += [_HE] if recipe.initialization is Initialization.HE else []
    if recipe.schedule is not Schedule.CONSTANT:
        parts += [_UPDATES, _WARMED_UP if recipe.warmup else _RATES[recipe.schedule]]
    parts += [_SHIFT] if recipe.shift else []
    return Template("".join(parts)).substitute(
        classes=network.output_shape[0],
        spreads=", ".join("None" if x is None else f"{x:.6g}" for x in spreads(network)),
        seed=cell.seed,
        epochs=recipe.epochs,
        batch=recipe.batch_size,
        rate=recipe.learning_rate,
        warmup=recipe.warmup,
        shift=recipe.shift,
        places=tuple(after for after, _ in STEPS),
        shares=(1, *(left for _, left in STEPS)),
    )


def _settings(recipe: Recipe) -> str:
    """Return the arguments of Keras's optimiser; what is Keras's default stays unsaid."""
    given: dict[str, object] = {
        "learning_rate": recipe.learning_rate if recipe.schedule is Schedule.CONSTANT else "rate"
    }
    given |= {"weight_decay": recipe.weight_decay} if recipe.optimizer == "adamw" else {}
    given |= {"beta_2": recipe.beta2} if recipe.beta2 != BETA2 else {}
    given |= {"global_clipnorm": recipe.clip} if recipe.clip else {}
    return ", ".join(f"{name}={value}" for name, value in given.items())
