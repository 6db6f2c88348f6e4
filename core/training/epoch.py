"""Training programs compiled by TensorFlow: a whole epoch per call, data, shuffling and test on the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import tensorflow as tf

from core.networks.layers import Array, Shape
from core.networks.network import Network, trainable
from core.recipe import Recipe
from core.training import forward
from core.training.course import Course, course
from core.training.optimizers import OPTIMIZERS, SLOTS
from core.training.program import Formulation, Program, order
from core.training.steps import Batch, Tensor

EVALUATED = 128  # test images at a time: bounds the memory of an evaluation, and fits the caches better than more
SMALL = 10_000  # weights of an array that is updated together with others


@dataclass(frozen=True, slots=True)
class State:
    """What training changes: arrays in Keras's order and layout, the optimiser's memory of them, updates done.

    Attributes:
        weights: every array of the network, moving statistics among them.
        slots: of the trained arrays alone, laid out as :func:`_joined` lays those out.
        step: updates done.
    """

    weights: tuple[Tensor, ...]
    slots: tuple[tuple[Tensor, ...], ...]
    step: Tensor


def restore(network: Network, weights: Sequence[Array], optimizer: str) -> State:
    """Return the state that starts from given arrays."""
    held = tuple(tf.constant(w, tf.float32) for w in weights)
    empty = tuple(tf.zeros_like(w) for w in _joined([held[i] for i in trainable(network.arrays)]))
    return State(held, (empty,) * SLOTS[optimizer], tf.constant(0.0))


def build(network: Network, recipe: Recipe, formulation: Formulation) -> Program:
    """Return the program of a network whose leading layers :func:`split` has taken off."""

    def predict(weights: Sequence[Tensor], rows: Tensor, batch: Batch | None) -> tuple[Tensor, list[Tensor]]:
        x = forward.pictures(network.input_shape, formulation, rows)
        return forward.logits(formulation, network, recipe.precision, weights, x, batch)

    train = _training(network, recipe, predict)

    @tf.function(jit_compile=formulation.fused, autograph=False)
    def work(state: Any, x: Tensor, y: Tensor, shuffled: Tensor, test: Any, along: Any, times: Tensor) -> Any:
        state, loss, correct = train(state, x, y, shuffled, along, times)
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(w)) for w in state[0]])
        x_test, y_test, meant = test
        tested = _evaluate(predict, state[0], x_test, y_test, meant, times)
        return state, tf.stack([loss, correct, *tested, tf.cast(finite, tf.float32)])

    @tf.function(autograph=False)
    def epoch(state: Any, train: Any, test: Any, number: Tensor, along: Any, times: Tensor) -> Any:
        x, y, meant = train
        return work(state, x, y, tf.gather(meant, order(int(meant.shape[0]), along[0], number)), test, along, times)

    def run(state: State, train: Any, test: Any, course: Course, times: int = 1) -> tuple[State, Tensor]:
        shifts = tf.zeros((0, 2), tf.int32) if course.shifts is None else tf.constant(course.shifts, tf.int32)
        along = tf.constant(course.seed), tf.constant(course.rates), shifts
        after, sums = epoch(
            (state.weights, state.slots, state.step), train, test, tf.constant(course.number), along, tf.constant(times)
        )
        return State(*after), sums

    @tf.function(jit_compile=formulation.fused, autograph=False)
    def scores(weights: Any, x: Tensor, y: Tensor, meant: Tensor, times: Tensor) -> Tensor:
        return tf.stack(_evaluate(predict, weights, x, y, meant, times))

    def evaluate(state: State, images: Any, times: int = 1) -> Tensor:
        return scores(state.weights, *images, tf.constant(times))

    def compile_(state: State, train: Any, test: Any, evaluated: Any = None) -> None:
        run(state, train, test, course(recipe, train, 0, 1), times=0)
        if evaluated is not None:
            evaluate(state, evaluated, times=0)

    def begin(arrays: Sequence[Array]) -> State:
        return restore(network, arrays, recipe.optimizer)

    def arrays(state: State) -> list[Array]:
        return [weight.numpy() for weight in state.weights]

    return Program(formulation, begin, arrays, run, compile_, evaluate)


def _training(
    network: Network, recipe: Recipe, predict: Callable[..., tuple[Tensor, list[Tensor]]]
) -> Callable[..., tuple[Any, ...]]:
    """Return what trains for one pass over the images, to be compiled with what surrounds it."""
    advance = tf.function(partial(update, recipe), jit_compile=True, autograph=False)  # many small operations in one
    trained = trainable(network.arrays)

    def train(
        state: tuple[Any, ...], x: Tensor, y: Tensor, shuffled: Tensor, along: Any, times: Tensor
    ) -> tuple[Any, ...]:
        seed, rates, shifts = along
        images = int(shuffled.shape[0])
        size = min(recipe.batch_size, images)
        batches = -(-images // size)
        shuffled = tf.concat([shuffled, tf.zeros(batches * size - images, tf.int32)], 0)

        def body(i: Tensor, loss: Tensor, correct: Tensor, state: tuple[Any, ...]) -> tuple[Any, ...]:
            rows = tf.slice(shuffled, [i * size], [size])
            # the last batch is filled up with images that count nothing: one program for every batch
            real = tf.cast(tf.range(size) + i * size < images, tf.float32)
            weights, slots, step = state
            labels = tf.gather(y, rows)
            batch = Batch(tf.stack([seed, tf.cast(step, tf.int32)]), real)
            changed = [weights[place] for place in trained]
            picked = tf.gather(x, rows)
            if recipe.shift:
                picked = _shifted(picked, network.input_shape, tf.gather(shifts, rows), recipe.shift)
            with tf.GradientTape() as tape:
                tape.watch(changed)
                logits, arrays = predict(weights, picked, batch)
                total, right = _scores(logits, labels, real)
                aim = total if not recipe.label_smoothing else _smoothed(logits, labels, real, recipe.label_smoothing)
                mean = aim / tf.reduce_sum(real)
            updated, slots = advance(changed, slots, tape.gradient(mean, changed), step, rates[i])
            for place, array in zip(trained, updated, strict=True):
                arrays[place] = array
            after = tuple(arrays), slots
            return i + 1, loss + total, correct + right, (*after, step + 1)

        start = (tf.constant(0), tf.constant(0.0), tf.constant(0.0), state)
        _, loss, correct, state = tf.while_loop(lambda i, *_: i < times * batches, body, start, parallel_iterations=1)
        return state, loss, correct

    return train


def _evaluate(
    predict: Callable[..., tuple[Tensor, list[Tensor]]],
    weights: Sequence[Tensor],
    x: Tensor,
    y: Tensor,
    meant: Tensor,
    times: Tensor,
) -> tuple[Tensor, Tensor]:
    images = int(meant.shape[0])
    size = min(EVALUATED, images)

    def body(i: Tensor, loss: Tensor, correct: Tensor) -> tuple[Tensor, ...]:
        rows = tf.range(size) + i * size
        real = tf.cast(rows < images, tf.float32)
        rows = tf.gather(meant, tf.minimum(rows, images - 1))
        total, right = _scores(predict(weights, tf.gather(x, rows), None)[0], tf.gather(y, rows), real)
        return i + 1, loss + total, correct + right

    start = (tf.constant(0), tf.constant(0.0), tf.constant(0.0))
    _, loss, correct = tf.while_loop(lambda i, *_: i < times * -(-images // size), body, start, parallel_iterations=1)
    return loss, correct


def _scores(logits: Tensor, labels: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    right = tf.cast(tf.argmax(logits, 1, tf.int32) == labels, tf.float32)
    return tf.reduce_sum(losses * real), tf.reduce_sum(right * real)


def _smoothed(logits: Tensor, labels: Tensor, real: Tensor, share: float) -> Tensor:
    """Return the summed cross-entropy where a share of every label is spread over the classes."""
    classes = logits.shape[1]
    wanted = tf.one_hot(labels, classes) * (1 - share) + share / classes
    return tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(wanted, logits) * real)


def _shifted(rows: Tensor, shape: Shape, shifts: Tensor, most: int) -> Tensor:
    """Return rows of images each moved by its own shift, as :func:`core.training.course.shifted` does."""
    height, width, _ = shape
    x = tf.pad(tf.reshape(rows, (-1, *shape)), [[0, 0], [most, most], [most, most], [0, 0]])
    for axis, side in ((1, height), (2, width)):
        x = tf.gather(x, most - shifts[:, axis - 1, None] + tf.range(side), axis=axis, batch_dims=1)
    return tf.reshape(x, tf.shape(rows))


def update(
    recipe: Recipe,
    weights: Sequence[Tensor],
    slots: Sequence[Sequence[Tensor]],
    gradients: Sequence[Tensor],
    step: Tensor,
    rate: Tensor,
) -> tuple[tuple[Tensor, ...], tuple[tuple[Tensor, ...], ...]]:
    """Return weights and slots after one update; the arithmetic is Keras's."""
    if recipe.clip:
        gradients, _ = tf.clip_by_global_norm(gradients, recipe.clip)
    done = [
        OPTIMIZERS[recipe.optimizer](recipe, rate, step, *each)
        for each in zip(_joined(weights), _joined(gradients), *slots, strict=True)
    ]
    after, *memory = zip(*done, strict=True)
    return _parted(after, weights), tuple(memory)


def _joined(arrays: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the small arrays as one row of numbers, then the others as they are.

    An update of each on its own takes longer to compile and to start than to compute: for the ten arrays of a deep CNN
    0.6 s and not 0.1 s of compilation were measured.
    """
    small = [tf.reshape(x, (-1,)) for x in arrays if _small(x)]
    return (*([tf.concat(small, 0)] if small else []), *(x for x in arrays if not _small(x)))


def _parted(joined: Sequence[Tensor], like: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return arrays of :func:`_joined` in the order and shapes of ``like``."""
    sizes = [x.shape.num_elements() for x in like if _small(x)]
    small = iter(tf.split(joined[0], sizes) if sizes else ())
    large = iter(joined[1:] if sizes else joined)
    return tuple(tf.reshape(next(small), x.shape) if _small(x) else next(large) for x in like)


def _small(array: Tensor) -> bool:
    return bool(array.shape.num_elements() <= SMALL)
