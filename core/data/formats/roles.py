"""Which array is what, by the names that people give to training and test images and their labels.

The names are those of Keras (``x_train``), MedMNIST (``train_images``), scikit-learn (``data``, ``target``), MNIST's
files (``t10k-images``), KMNIST's (``train-imgs``), SVHN's (``X``, ``y``) and what lies between.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from core.data.formats.streams import shown

# in the order in which one is preferred to another; scikit-learn's digits have flat data beside images
IMAGES = ("x", "images", "image", "imgs", "img", "pixels", "features", "data")
LABELS = ("y", "labels", "label", "targets", "target", "classes", "class")
USUAL = "x_train and y_train, train_images and train_labels, images and labels, data and target, or X and y"
_PARTS = {"train": "train|training", "test": "test|testing|t10k", "val": "val|valid|validation"}
_PART = "|".join(f"(?P<{part}>{words})" for part, words in _PARTS.items())
_KIND = f"(?P<x>{'|'.join(IMAGES)})|(?P<y>{'|'.join(LABELS)})"
_ROLES = (re.compile(f"(?:{_PART})?(?:{_KIND})?"), re.compile(f"(?:{_KIND})(?:{_PART})"))


@dataclass(frozen=True, slots=True)
class Role:
    """What a name says.

    Attributes:
        part: ``train``, ``test``, ``val`` or, where it does not say, nothing.
        kind: ``x`` for images, ``y`` for labels or, where it does not say, nothing.
        word: the word for the kind.
    """

    part: str
    kind: str
    word: str = ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The names of the arrays that make an image set.

    Attributes:
        train: of the images and of their labels.
        test: likewise; None where there are none.
        notes: a sentence on what is left out.
    """

    train: tuple[str, str]
    test: tuple[str, str] | None
    notes: tuple[str, ...]


def word_role(word: str) -> Role | None:
    """Return what one word says, ``trainX`` or ``images``; None if it is another word."""
    for form in _ROLES:
        match = form.fullmatch(word.lower())
        if match and word:
            said = {key: value for key, value in match.groupdict().items() if value}
            part = next((x for x in _PARTS if x in said), "")
            kind = next((x for x in ("x", "y") if x in said), "")
            return Role(part, kind, said.get(kind, ""))
    return None


def role(name: str) -> Role | None:
    """Return what the name of an array says, or the path of one in structures; None if it is no usual name."""
    steps = [re.sub("[^A-Za-z0-9]", "", x) for x in re.split("[./]", name)]
    for word in ("".join(steps[-2:]), steps[-1]):
        found = word_role(word)
        if found is not None and found.kind:
            return found
    return None


def choose(names: Collection[str], as_test: bool = False) -> Chosen | None:
    """Return which arrays are images and labels; None if there are no images with labels.

    Args:
        names: of all arrays of a file.
        as_test: whether the file is given for its test images: those are then its ``train``, and if it does not tell
            them apart, all are.
    """
    best: dict[tuple[str, str], tuple[int, str]] = {}
    ranks = {word: place for words in (IMAGES, LABELS) for place, word in enumerate(words)}
    known = {name: found for name in names if (found := role(name))}
    for name, found in known.items():
        key = found.part, found.kind
        best[key] = min(best.get(key, (99, "")), (ranks[found.word], name))
    pairs = {
        part: (best[part, "x"][1], best[part, "y"][1]) for part, kind in best if kind == "x" and (part, "y") in best
    }
    order = ("test", "", "train") if as_test else ("train", "")
    main = next((part for part in order if part in pairs), None)
    if main is None:
        return None
    test = None if as_test else pairs.get("test")
    used = {*pairs[main], *(test or ())}
    return Chosen(pairs[main], test, left_out([name for name in names if name not in used]))


def left_out(names: Collection[str]) -> tuple[str, ...]:
    """Return the sentence on what is not read, or none where there is nothing."""
    few = ", ".join(shown(name) for name in list(names)[:8])
    return (f"Left out: {few}{f' and {len(names) - 8} more' if len(names) > 8 else ''}.",) if names else ()


def elsewhere(notes: tuple[str, ...], own: Collection[str], file: str, names: Collection[str]) -> tuple[str, ...]:
    """Return the sentences, after the ones there are, on test images from another file in place of their own."""
    taken = f"The test images are those of {shown(file)}: {' and '.join(shown(name) for name in names)}."
    return (*notes, *left_out(own), taken)
