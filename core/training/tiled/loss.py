"""The cross-entropy of a softmax, whether the largest is right, and the gradient of the sums before the softmax."""

from __future__ import annotations

from core.training.tiled.code import Code, Name, Names
from core.training.tiled.maths import exp, log

# Of a function over what leaves the last layer: that, the classes, the labels and the share of each image, and where
# loss and hits of each lane go.
PARAMETERS = "ptr noalias %x, i64 %classes, ptr noalias %labels, ptr noalias %real, ptr noalias %sums"


def labels(smoothing: float, classes: int) -> tuple[float, float]:
    """Return what a label is for its own class and for every other, of so many classes, while training."""
    return 1 - smoothing + smoothing / classes, smoothing / classes


def measure(code: Code, train: bool, labels: tuple[float, float] = (1.0, 0.0)) -> None:
    """Write the loss; where something is trained, its gradient goes over what left the last layer.

    Images that count have a share above 0, which the gradient is multiplied by. Of equally large numbers the first is
    the answer.

    Args:
        code: where to.
        train: whether something is trained.
        labels: as the function of that name has them; the loss is told of whole ones all the same.
    """
    v, one = code.host.width, code.constant(1)
    label, real = code.load("%labels", 0, code.whole), code.load("%real")

    def best(p: Names, held: Names, i: Name) -> Names:
        x = code.load(p[0])
        larger = code.compare("ogt", x, held[0])
        at = code.spread(code.new(f"uitofp i64 {i} to float"))
        here = code.new(f"icmp eq {code.whole} {label}, {_every(code, i)}")
        return [code.select(larger, x, held[0]), code.select(larger, at, held[1]), code.select(here, x, held[2])]

    low = code.constant(float("-inf"))
    largest, answer, right = code.loop("%classes", best, [("%x", v)], [low, code.zero, code.zero])

    def exponentials(p: Names, held: Names, _: Name) -> Names:
        value = exp(code, code.sub(code.load(p[0]), largest))
        if train:
            code.store(value, p[0])
        return [code.add(held[0], value)]

    (total,) = code.loop("%classes", exponentials, [("%x", v)], [code.zero])
    loss = code.sub(log(code, total), code.sub(right, largest))
    counts = code.compare("ogt", real, code.zero)
    told = code.new(f"sitofp {code.whole} {label} to {code.vector}")
    hit = code.select(code.compare("oeq", answer, told), one, code.zero)
    for i, value in enumerate((loss, hit)):
        before = code.load("%sums", i * v)
        code.store(code.add(before, code.select(counts, value, code.zero)), "%sums", i * v)
    if not train:
        return
    share = code.div(real, total)
    own, other = (code.mul(real, code.constant(x)) if x != 1 else real for x in labels)

    def gradients(p: Names, _: Names, i: Name) -> None:
        here = code.new(f"icmp eq {code.whole} {label}, {_every(code, i)}")
        given = code.mul(code.load(p[0]), share)
        code.store(code.sub(given, code.select(here, own, other if labels[1] else code.zero)), p[0])

    code.loop("%classes", gradients, [("%x", v)])


def _every(code: Code, i: Name) -> Name:
    return code.spread(code.new(f"trunc i64 {i} to i32"), "i32")
