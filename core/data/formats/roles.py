"""Which array is what, by the names that people give to training and test images and their labels.

The names are those of Keras (``x_train``), MedMNIST (``train_images``), scikit-learn (``data``, ``target``), MNIST's
files (``t10k-images``), KMNIST's (``train-imgs``), SVHN's (``X``, ``y``) and what lies between.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from core.data.formats.streams import shown

# in the order in which one is preferred to another; scikit-learn's digits have flat data beside images
IMAGES = ("x", "images", "image", "imgs", "img", "pixels", "features", "data")
LABELS = ("y", "labels", "label", "lbls", "lbl", "targets", "target", "classes", "class")
USUAL = "x_train and y_train, train_images and train_labels, images and labels, data and target, or X and y"
# what files, folders and arrays are called that hold a part of a set, in whole words
PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing", "t10k"), "test"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
}
_WORDS = {part: [word for word, its in PARTS.items() if its == part] for part in ("train", "test", "val")}
_WORDS["extra"] = ["extra"]  # SVHN's third part
_PART = "|".join(f"(?P<{part}>{'|'.join(words)})" for part, words in _WORDS.items())
_KIND = f"(?P<x>{'|'.join(IMAGES)})|(?P<y>{'|'.join(LABELS)})"
_SHORT = "(?P<x>x)|(?P<y>y)"
_ROLES = (
    re.compile(f"(?:{_PART})?(?:{_KIND})?"),
    re.compile(f"(?:{_KIND})(?:{_PART})"),
    re.compile(f"(?:{_SHORT})(?:(?P<train>tr)|(?P<test>te))"),
)
_FORMAT_WORDS = re.compile(r"idx\d?|ubyte|byte|gz|npy|npz|bin|csv|tsv|parquet|mat")


@dataclass(frozen=True, slots=True)
class Role:
    """What a name says.

    Attributes:
        part: ``train``, ``test``, ``val``, ``extra`` or, where it does not say, nothing.
        kind: ``x`` for images, ``y`` for labels or, where it does not say, nothing.
        word: the word for the kind.
    """

    part: str
    kind: str
    word: str = ""


@dataclass(frozen=True, slots=True)
class FileName:
    """What the name of a file says: its set, by the words that are left, and its role in it."""

    group: tuple[str, ...]
    role: Role


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
            part = next((x for x in _WORDS if x in said), "")
            kind = next((x for x in ("x", "y") if x in said), "")
            return Role(part, kind, said.get(kind, ""))
    return None


def file_name(name: str) -> FileName:
    """Return what the name of a file says, in words between anything but letters, or begun by a capital.

    >>> file_name("train_32x32.mat").role.part, file_name("latest.csv").role.part
    ('train', '')
    """
    words = [x for x in _words(name) if not _FORMAT_WORDS.fullmatch(x)]
    roles = [word_role(x) for x in words]
    # the last word that says it, but "data" may be anything
    kinds = [i for i, x in enumerate(roles) if x and x.kind]
    kind = next((i for i in reversed(kinds) if words[i] != "data"), kinds[-1] if kinds else None)
    parts = {x.part for x in roles if x and x.part}
    part = parts.pop() if len(parts) == 1 else ""  # train-test is no part
    own = roles[kind] if kind is not None else None
    said = Role(part, own.kind, own.word) if own else Role(part, "")
    group = (x for i, x in enumerate(words) if i != kind and not (part and (r := roles[i]) and r.part and not r.kind))
    return FileName(tuple(group), said)


def _words(name: str) -> Iterator[str]:
    for word in re.split("[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])", name):
        lower = word.lower()
        pieces = re.findall("[a-z]+|[0-9]+", lower)
        # train2 is a part, but 32x32 no images
        if not word_role(lower) and any((x := word_role(piece)) and x.part for piece in pieces):
            yield from pieces
        elif lower:
            yield lower


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
