"""What is to be known of an image set before it is taken over: what was found, what was changed, what to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from core.data.images import unequal
from core.networks.layers import Shape, shape_text

DARK_ON_LIGHT = 0.5  # mean of the outermost pixels from which on a picture is taken to be dark on light
SCARCE = 30  # images of a class, below which its accuracy says little


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in a file, and what was made of it.

    Attributes:
        source: the file's name.
        what: its format for people.
        notes: a sentence on everything that was converted, left out or split off.
        input_shape: ``(height, width, channels)`` of an image, as networks will see it.
        names: of the classes.
        train_counts: training images of each class.
        test_counts: test images of each class.
        shared: test images that are among the training images too.
        edge: mean of the outermost pixels of all images, where 0 is black and 1 is white.
        pixel_bytes: bytes of a pixel in memory.
    """

    source: str
    what: str
    notes: tuple[str, ...]
    input_shape: Shape
    names: tuple[str, ...]
    train_counts: tuple[int, ...]
    test_counts: tuple[int, ...]
    shared: int
    edge: float
    pixel_bytes: int

    @property
    def train(self) -> int:
        """The number of training images."""
        return sum(self.train_counts)

    @property
    def test(self) -> int:
        """The number of test images."""
        return sum(self.test_counts)

    @property
    def commonest(self) -> tuple[str, float]:
        """The class with most test images, and its share of them."""
        place = max(range(len(self.names)), key=self.test_counts.__getitem__)
        return self.names[place], self.test_counts[place] / self.test

    @property
    def memory(self) -> int:
        """Bytes of all pixels in memory."""
        height, width, channels = self.input_shape
        return (self.train + self.test) * height * width * channels * self.pixel_bytes

    def found(self) -> str:
        """Return in a sentence what was found."""
        colour = "in colour" if self.input_shape[2] == 3 else "in grey"
        return (
            f"{self.source} is {self.what}: {self.train:,} images to train and {self.test:,} to test, "
            f"{shape_text(self.input_shape[:2])} pixels {colour}, {len(self.names)} classes, "
            f"{_size(self.memory)} in memory."
        )

    def warnings(self) -> Iterator[str]:
        """Yield a sentence on each thing that may be wrong with the set."""
        name, share = self.commonest
        if unequal(self.test_counts):
            yield (
                f"The commonest class, {name}, has {100 * share:.1f} % of the test images: whoever always says it is "
                "right as often, so accuracy alone says little."
            )
        if self.shared:
            yield (
                f"{self.shared:,} of the {self.test:,} test images are among the training images too: the accuracy on "
                "them is no accuracy on new images."
            )
        if self.edge > DARK_ON_LIGHT:
            yield (
                "The images look dark on light. Networks learn either, but digits of MNIST are white on black; "
                "inverting makes these so."
            )
        scarce = [x for x, count in zip(self.names, self.test_counts, strict=True) if count < SCARCE]
        if scarce:
            few = ", ".join(scarce[:5]) + (", …" if len(scarce) > 5 else "")
            yield (
                f"{len(scarce)} of the {len(self.names)} classes have fewer than {SCARCE} test images ({few}): their "
                "accuracy is known only roughly."
            )

    def facts(self) -> dict[str, Any]:
        """Return it as plain values for JSON, with its sentences."""
        name, share = self.commonest
        return {
            **asdict(self),
            "train": self.train,
            "test": self.test,
            "commonest": {"class": name, "share": share},
            "memory": self.memory,
            "found": self.found(),
            "warnings": list(self.warnings()),
        }


def _size(count: int) -> str:
    return f"{count / 1e6:,.0f} MB" if count >= 10**7 else f"{count / 1e3:,.0f} kB"
