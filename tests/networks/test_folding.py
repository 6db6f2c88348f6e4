"""What a network takes on a device: a network with its batch norms folded by hand gives the same answers."""

from __future__ import annotations

import numpy as np
import pytest

from core.networks.layers import BatchNormalization
from core.networks.line import Line
from core.networks.network import Network

# A line, its weights, and how many numbers predicting takes.
COUNTED = [
    ("conv3(4) flatten", 0),
    ("conv3(4, linear) batchnorm relu flatten", -8),  # taken in by the convolution before it
    ("conv3(4, nobias, linear) batchnorm relu flatten", -8 + 4),  # which gets the biases that it had not
    ("conv3(4) batchnorm flatten", -8),  # by the dense layer after it
    ("conv3(4) batchnorm conv3(5) flatten", -8),
    ("conv3(4) batchnorm conv3(5, nobias) flatten", -8 + 5),
    ("conv3(4) batchnorm conv3(5, same) flatten", 0),  # zeros around the image would not be shifted
    ("conv3(4) batchnorm maxpool2 flatten", 0),
    ("conv3(4) batchnorm globalavg", -8),
    ("conv3(4) batchnorm globalmax", 0),
    ("conv3(4, linear) dropout0.5 batchnorm relu flatten", -8),
    ("conv3(4, linear) residual[batchnorm conv1(4, same)] maxpool2 flatten", 0),  # what enters it is added too
    ("conv3(4, same, linear) residual[conv3(4, same, linear) batchnorm] flatten", -8),
    ("conv1(4) shared2[conv1(4, linear) batchnorm] flatten", 0),  # one scale for two places
    ("batchnorm conv3(4) flatten", -2),
]


@pytest.mark.parametrize(("text", "more"), COUNTED, ids=[x for x, _ in COUNTED])
def test_numbers_that_predicting_takes(text: str, more: int) -> None:
    network = Network((12, 12, 1), Line.of(text).layers(1, 3, True))
    assert network.float32_bytes == 4 * (network.parameters + more)


def test_folded_by_hand_it_answers_the_same() -> None:
    rng = np.random.default_rng(0)
    network = Network((12, 12, 1), Line.of("conv3(4, nobias, linear) batchnorm relu flatten").layers(1, 3, False))
    kernel, gamma, beta, mean, variance, *rest = (
        (rng.uniform(0.5, 2, x) if i == 4 else rng.normal(size=x)) for i, x in enumerate(network.weight_shapes)
    )
    scale = gamma / np.sqrt(variance + BatchNormalization.EPSILON)
    plain = Network((12, 12, 1), Line.of("conv3(4) flatten").layers(1, 3, False))
    folded = [kernel * scale, beta - mean * scale, *rest]
    images = rng.random((5, 12, 12, 1))
    expected = network.predict([kernel, gamma, beta, mean, variance, *rest], images)
    np.testing.assert_allclose(plain.predict(folded, images), expected, rtol=1e-9)
    assert sum(x.size for x in folded) * 4 == network.float32_bytes
