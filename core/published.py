"""Other people's results, each with its source and its rules."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Published:
    """One published figure.

    Attributes:
        family: the family it belongs to.
        width: its width n.
        parameters: trainable weights, as published.
        accuracy: test accuracy as a share; where the source gives no more than "97 %", 0.97.
        stated: the accuracy as the source words it.
        rules: how it was trained and chosen.
        source: where it comes from.
    """

    family: str
    width: int
    parameters: int
    accuracy: float
    stated: str
    rules: str
    source: str


ARTICLE_SOURCE = "blog article, January 2020"
_MLP = "RMSprop, 20 epochs, batch 128; last epoch on the test set, one run"
_CNN = "Adadelta 1.0, 12 epochs, batch 128; last epoch on the test set, one run"

ARTICLE = (
    Published("mlp", 32, 26_506, 0.9711, "97.11 %", _MLP, ARTICLE_SOURCE),
    Published("pooled_mlp", 64, 17_418, 0.9704, "97.04 %", _MLP, ARTICLE_SOURCE),
    Published("cnn", 2, 4_802, 0.9748, "97.48 %", _CNN, ARTICLE_SOURCE),
    Published("deep_cnn", 2, 932, 0.97, "“97 %”", _CNN, ARTICLE_SOURCE),
)
