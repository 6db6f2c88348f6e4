"""Train one network with PyTorch as Keras's ``fit`` trains it, and print the seconds: an opponent of the benchmark.

It runs in an environment of its own, which has torch and NumPy, and imports nothing of this project. A job comes as
JSON on standard input (:func:`main` says what is in it), and one line of JSON goes to standard output. What cannot be
done is one sentence there and exit code 2.

The network is the one that Keras builds, with its initial weights' distribution, images channels last. It is run as it
comes: without ``torch.compile``, which needs a C++ compiler, and with the optimisers' defaults for a processor. What is
left of differences: a batch norm's moving variance is the unbiased one, RMSprop adds its epsilon after the root and not
before, and Adam adds its own after correcting the root and not before.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

try:
    import numpy as np
    import torch  # type: ignore[import-not-found]
    import torch.nn.functional as F  # type: ignore[import-not-found]
    from torch import nn
except ImportError as e:
    print(
        f"{sys.executable} has no {(e.name or 'torch').partition('.')[0]}; make an environment that has: "
        "python -m venv torch_env; torch_env/bin/python -m pip install numpy torch"
    )
    sys.exit(2)

Layer = dict[str, Any]  # what a layer is, and ``kind``, ``entering`` (a shape without the batch) and ``owner``
Tensor = Any
Sides = tuple[int, int]

LEAK = 0.2  # slope of Keras's leaky_relu below zero
EPSILON = 1e-7  # of every optimiser of Keras
ACTIVATIONS: dict[str, Callable[[], Any]] = {
    "relu": nn.ReLU,
    "leaky": partial(nn.LeakyReLU, LEAK),
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "swish": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
PASSED_ON = ("linear", "softmax")  # the loss takes the softmax in
OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "sgd": torch.optim.SGD,
    "rmsprop": partial(torch.optim.RMSprop, alpha=0.9, eps=EPSILON),
    "adam": partial(torch.optim.Adam, eps=EPSILON),
    "adadelta": partial(torch.optim.Adadelta, rho=0.95, eps=EPSILON),
}
# What a recipe has of the fields that are not written here; with others it would be another training.
PLAIN = {
    "schedule": "constant", "warmup": 0, "beta2": 0.999, "weight_decay": 0, "clip": 0, "label_smoothing": 0, "shift": 0,
    "initialization": "glorot",
}  # fmt: skip


class UnwrittenError(Exception):
    """A layer or a setting that is not written here."""


class Function(nn.Module):  # type: ignore[misc]
    """A layer without weights.

    Args:
        of: a batch to a batch.
    """

    def __init__(self, of: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.of = of

    def forward(self, x: Tensor) -> Tensor:
        return self.of(x)


class Network(nn.Module):  # type: ignore[misc]
    """The network of a list of layers: a batch ``(images, channels, height, width)`` to logits ``(images, classes)``.

    Args:
        layers: in order; ``owner`` is the place of the layer whose weights one shares, or its own.

    Raises:
        UnwrittenError: if a layer is not written here.
    """

    def __init__(self, layers: list[Layer]) -> None:
        super().__init__()
        for layer in layers[:-1]:
            if layer.get("activation") == "softmax":
                raise UnwrittenError("PyTorch's loss takes in a softmax at the end, and this network has another.")
        self.parts = nn.ModuleList()
        for index, layer in enumerate(layers):
            shared = layer["owner"] != index
            self.parts.append(self.parts[layer["owner"]] if shared else nn.Sequential(*written(layer)))
        self.over = [layer.get("over", 0) for layer in layers]

    def forward(self, x: Tensor) -> Tensor:
        passed = [x]
        for index, part in enumerate(self.parts):
            x = part(passed[-1])
            passed.append(x + passed[index - self.over[index]] if self.over[index] else x)
        return passed[-1]


def written(layer: Layer) -> Iterator[Any]:
    """Yield PyTorch's modules that compute a layer, its activation last.

    Raises:
        UnwrittenError: if it is of a kind, or has an activation, that is not written here.
    """
    kind, entering = layer["kind"], layer["entering"]
    match kind:
        case "Conv2D" | "DepthwiseConv2D" | "SeparableConv2D":
            yield from convolution(layer)
        case "MaxPooling2D" | "AveragePooling2D":
            yield from pooling(layer)
        case "Dense":
            yield nn.Linear(entering[0], layer["units"], bias=layer["bias"])
        case "Flatten":
            yield Function(lambda x: x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x)  # channels last, as Keras
        case "GlobalAveragePooling2D":
            yield Function(lambda x: x.mean((2, 3)))
        case "GlobalMaxPooling2D":
            yield Function(lambda x: x.amax((2, 3)))
        case "BatchNormalization":
            made = nn.BatchNorm2d if len(entering) == 3 else nn.BatchNorm1d
            yield made(entering[-1], eps=1e-3, momentum=0.01)  # Keras's momentum of 0.99 is what is kept
        case "Dropout":
            yield nn.Dropout(layer["rate"])
        case "Activation" | "Add":
            pass
        case _:
            raise UnwrittenError(f"The layer {kind} is not written for PyTorch.")
    activation = layer.get("activation", "linear")
    if activation in ACTIVATIONS:
        yield ACTIVATIONS[activation]()
    elif activation not in PASSED_ON:
        raise UnwrittenError(f"The activation {activation} is not written for PyTorch.")


def convolution(layer: Layer) -> Iterator[Any]:
    """Yield the modules of a convolution, without its activation."""
    channels, bias, stride = layer["entering"][2], layer["bias"], layer["stride"]
    kernel = sides(layer["kernel"])
    (above, below), (left, right) = padding(layer, kernel, stride)
    even = above == below and left == right
    if not even:
        yield nn.ZeroPad2d((left, right, above, below))
    of = partial(nn.Conv2d, kernel_size=kernel, stride=stride, padding=(above, left) if even else 0)
    if layer["kind"] == "Conv2D":
        yield of(channels, layer["filters"], bias=bias)
        return
    between = channels * layer["multiplier"]
    separable = layer["kind"] == "SeparableConv2D"
    yield of(channels, between, groups=channels, bias=bias and not separable)
    if separable:
        yield nn.Conv2d(between, layer["filters"], 1, bias=bias)


def pooling(layer: Layer) -> Iterator[Any]:
    """Yield the modules of a pooling; what lies beyond the edge counts nothing."""
    kernel = sides(layer["size"])
    stride = layer["stride"] or kernel[0]
    (above, below), (left, right) = padding(layer, kernel, stride)
    around = left, right, above, below
    if layer["kind"] == "MaxPooling2D":
        if any(around):
            yield nn.ConstantPad2d(around, -math.inf)
        yield nn.MaxPool2d(kernel, stride)
        return
    average = nn.AvgPool2d(kernel, stride)
    if not any(around):
        yield average
        return
    height, width, _ = layer["entering"]
    within = average(F.pad(torch.ones(1, 1, height, width), around))  # the share of each window that the image has
    yield Function(lambda x: average(F.pad(x, around)) / within)


def padding(layer: Layer, kernel: Sides, stride: int) -> tuple[Sides, Sides]:
    """Return how many pixels are added above and below, left and right: as TensorFlow does, fewer before."""
    if not layer["same"]:
        return (0, 0), (0, 0)
    both = []
    for side, window in zip(layer["entering"], kernel, strict=False):
        whole = max((-(-side // stride) - 1) * stride + window - side, 0)
        both.append((whole // 2, whole - whole // 2))
    return both[0], both[1]


def sides(size: int | list[int]) -> Sides:
    """Return height and width of what is given as one number where they are equal."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def begin(network: Network) -> None:
    """Give weights Keras's beginning: kernels glorot-uniform by Keras's shape of them, biases zero."""
    for part in network.modules():
        if not isinstance(part, nn.Linear | nn.Conv2d):
            continue
        if isinstance(part, nn.Linear):
            fans = part.in_features + part.out_features
        else:
            fans = math.prod(part.kernel_size) * (part.in_channels + part.out_channels // part.groups)
        limit = math.sqrt(6 / fans)
        nn.init.uniform_(part.weight, -limit, limit)
        if part.bias is not None:
            nn.init.zeros_(part.bias)


def one_epoch(network: Network, optimizer: Any, x: Tensor, y: Tensor, batch: int) -> tuple[float, float]:
    """Train for one pass over the images in a new order; return loss and accuracy, which ``fit`` sums up as well."""
    network.train()
    order = torch.randperm(len(x))
    losses, right = torch.zeros(()), torch.zeros((), dtype=torch.int64)
    for start in range(0, len(x), batch):
        rows = order[start : start + batch]
        labels = y[rows]
        logits = network(x[rows].permute(0, 3, 1, 2))
        loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses += loss.detach() * len(rows)
        right += (logits.argmax(1) == labels).sum()
    return losses.item() / len(x), right.item() / len(x)


def accuracy(network: Network, x: Tensor, y: Tensor, batch: int) -> float:
    """Return the share of the images that is read."""
    network.eval()
    right = torch.zeros((), dtype=torch.int64)
    with torch.inference_mode():
        for start in range(0, len(x), batch):
            logits = network(x[start : start + batch].permute(0, 3, 1, 2))
            right += (logits.argmax(1) == y[start : start + batch]).sum()
    return right.item() / len(x)


def images(path: str) -> tuple[Tensor, ...]:
    """Return training images and labels, test images and labels; pixels as float32, bytes divided by 255."""
    found = []
    with np.load(path) as file:
        for part in ("train", "test"):
            x = file[f"x_{part}"]
            divided = x.astype(np.float32) / np.float32(255) if x.dtype == np.uint8 else x.astype(np.float32)
            found += [torch.from_numpy(divided), torch.from_numpy(file[f"y_{part}"].astype(np.int64))]
    return tuple(found)


def warm_up() -> None:
    """Start threads and the gradient's machinery, so that they count for no network."""
    x, y = torch.rand(256, 4, 4, 1), torch.zeros(256, dtype=torch.int64)
    tiny = nn.Sequential(nn.Flatten(), nn.Linear(16, 10))
    one_epoch(tiny, torch.optim.SGD(tiny.parameters(), lr=0.01), x, y, 128)


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Train the network of a job and return what :func:`main` prints."""
    recipe = job["recipe"]
    unwritten = [name for name, plain in PLAIN.items() if recipe.get(name, plain) != plain]
    unwritten += ["optimizer"] if recipe["optimizer"] not in OPTIMIZERS else []
    if unwritten:
        named = ", ".join(f"{x.replace('_', ' ')} {recipe[x]}" for x in unwritten)
        raise UnwrittenError(f"A recipe with {named} is not written for PyTorch.")
    torch.set_num_threads(job["threads"])
    torch.manual_seed(job["seed"])
    network = Network(job["layers"])
    begin(network)
    x_train, y_train, x_test, y_test = images(job["data"])
    warm_up()
    started = time.perf_counter()
    network = network.to(memory_format=torch.channels_last)
    optimizer = OPTIMIZERS[recipe["optimizer"]](network.parameters(), lr=recipe["learning_rate"])
    seconds, reached = [], 0.0
    for _ in range(recipe["epochs"]):
        begun = time.perf_counter()
        one_epoch(network, optimizer, x_train, y_train, recipe["batch_size"])
        reached = accuracy(network, x_test, y_test, recipe["batch_size"])
        seconds.append(time.perf_counter() - begun)
    whole = time.perf_counter() - started
    return {"seconds": whole, "epochs": seconds, "accuracy": reached, "version": torch.__version__}


def main() -> int:
    """Do the job on standard input and return the exit code.

    A job has ``layers`` (:data:`Layer`), ``data`` (the path of an ``.npz`` with x_train, y_train, x_test and y_test,
    images ``(images, height, width, channels)``), ``recipe`` (its fields), ``seed`` and ``threads``. What is printed
    has ``seconds`` of the whole training, ``epochs`` (the seconds of each, its test included), ``accuracy`` (of the
    test images after the last epoch) and torch's ``version``.
    """
    try:
        print(json.dumps(measure(json.load(sys.stdin))))
    except UnwrittenError as e:
        print(e)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
