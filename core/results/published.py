"""Other people's results, each with its source and its rules."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Published:
    """One published figure.

    Attributes:
        name: what the source calls the network, or a short name for it.
        parameters: trainable weights, as published.
        accuracy: test accuracy as a share; where the source gives no more than "97 %", 0.97.
        stated: the accuracy as the source words it.
        rounding: how far the accuracy may be from the stated one by rounding, a share.
        rules: how it was trained and chosen.
        source: where it comes from.
        network: its layers in short, where it is none of our families.
        family: the family it belongs to, or None.
        width: its width n in that family, or None.
    """

    name: str
    parameters: int
    accuracy: float
    stated: str
    rounding: float
    rules: str
    source: str
    network: str = ""
    family: str | None = None
    width: int | None = None


DIGITS = ("mnist", "mnist_5k")  # the image sets whose accuracies may stand beside those of MNIST
ARTICLE_SOURCE = "blog article, January 2020"
_MLP = "RMSprop, 20 epochs, batch 128; last epoch on the test set, one run"
_CNN = "Adadelta 1.0, 12 epochs, batch 128; last epoch on the test set, one run"


def _article(
    title: str, family: str, width: int, parameters: int, accuracy: float, stated: str, rules: str
) -> Published:
    return Published(
        f"{title}, n = {width}",
        parameters,
        accuracy,
        stated,
        0.00005,
        rules,
        ARTICLE_SOURCE,
        family=family,
        width=width,
    )


ARTICLE = (
    _article("MLP", "mlp", 32, 26_506, 0.9711, "97.11 %", _MLP),
    _article("Pooled MLP", "pooled_mlp", 64, 17_418, 0.9704, "97.04 %", _MLP),
    _article("CNN", "cnn", 2, 4_802, 0.9748, "97.48 %", _CNN),
    Published("Deep CNN, n = 2", 932, 0.97, "“97 %”", 0.005, _CNN, ARTICLE_SOURCE, family="deep_cnn", width=2),
)

OTHERS = (
    Published(
        "Neural Golfing, pruned",
        575,
        0.98,
        "98.00 %",
        0.00005,
        "weights pruned, epoch and seed chosen on the test set; 575 non-zero weights of 820",
        "hexhowells, “Neural Golfing”, 2025",
        "conv4x4(4)-PReLU-pool-conv3x3(5)-PReLU-pool-conv3x3(4)-PReLU-dense10",
    ),
    Published(
        "Neural Golfing",
        931,
        0.9812,
        "98.12 %",
        0.00005,
        "nothing pruned; epoch and seed chosen on the test set",
        "hexhowells, repository",
        "the same kind of network with ReLU",
    ),
    Published(
        "Separable convolutions",
        697,
        0.9903,
        "99.03 %",
        0.00005,
        "best of about 700 runs, chosen on the test set",
        "JoshWarn, Parameter-Efficient-MNIST",
        "conv3x3(6)-pool-4 separable convs (5, 9, 10, 8)-GAP-dense10, LeakyReLU 0.2",
    ),
    Published(
        "Separable convolutions, wider",
        997,
        0.9876,
        "98.76 % mean (sd 0.105, n = 223)",
        0.00005,
        "last epoch; learning-rate schedule driven by the test set",
        "JoshWarn, logs",
        "the same skeleton, wider",
    ),
    Published(
        "Shared separable convolution",
        1_936,
        0.9910,
        "99.10 %",
        0.00005,
        "chosen on a validation split, one run",
        "ruslangrimov, mnist-minimal-model",
        "conv3x3(8)-pool-sep(26)-one shared sep(26) three times-GAP-dense16-dense10",
    ),
    Published(
        "4-bit network",
        3_003,
        0.9916,
        "99.16 %",
        0.00005,
        "chosen on a validation split, augmented, 4 bits a weight",
        "Gural & Murmann, ICML 2019",
        "avgpool-conv3x3(5)-conv3x3(8)-conv3x3(11)-pool-dense10",
    ),
    Published(
        "Narrow convolutions with batch norm",
        5_196,
        0.9940,
        "99.40 %",
        0.00005,
        "rotation augmentation, 15 epochs, 1 seed",
        "School of AI course work",
        "seven narrow convs with batch norm, one pool, 1x1 transitions, GAP",
    ),
)


def beside(dataset: str, unit: str) -> tuple[Published, ...]:
    """Return what may stand beside results on an image set: results on MNIST, which are published in weights alone."""
    return (*ARTICLE, *OTHERS) if dataset in DIGITS and unit == "weights" else ()
