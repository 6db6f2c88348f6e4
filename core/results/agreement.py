"""Published figures against ours."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from core.networks.families import FAMILIES
from core.results.analysis import CONFIDENCE, SAME, Point
from core.results.published import Published

ARTICLE_IMAGES = 60_000  # that the article trained on


@dataclass(frozen=True, slots=True)
class Agreement:
    """A published accuracy against ours of the same network and recipe.

    Attributes:
        published: the published figure.
        mean: mean of our test accuracies, a share.
        sd: their sample standard deviation, or None for one seed.
        seeds: how many.
        difference: our mean less the published accuracy, a share.
        agrees: whether the published figure is where one more run of ours would fall (95 % prediction interval, normal
            accuracies assumed, rounding of the published figure allowed for); None for one seed, which has no spread.
    """

    published: Published
    mean: float
    sd: float | None
    seeds: int
    difference: float
    agrees: bool | None


def agreement(published: Published, points: Iterable[Point]) -> Agreement | None:
    """Compare a published figure with our mean of the same network, the family's own recipe and as many images, if any.

    Of several curves (own, reference) the one with most seeds is taken.
    """
    assert published.family
    same = [
        x
        for x in points
        if (x.curve.family, x.width) == (published.family, published.width)
        and x.curve.recipe == FAMILIES[published.family].recipe
        and x.runs[0].train_images == ARTICLE_IMAGES
    ]
    if not same:
        return None
    ours = max(same, key=lambda x: x.seeds)
    difference = ours.mean - published.accuracy
    if ours.sd is None:
        return Agreement(published, ours.mean, None, 1, difference, None)
    from scipy.stats import t

    reach = float(t.ppf((1 + CONFIDENCE) / 2, ours.seeds - 1)) * ours.sd * math.sqrt(1 + 1 / ours.seeds)
    agrees = abs(difference) <= reach + published.rounding + SAME
    return Agreement(published, ours.mean, ours.sd, ours.seeds, difference, agrees)
