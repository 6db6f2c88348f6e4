"""The failures a user can meet: each message is one sentence that pages and the command line show as it is."""

from __future__ import annotations

import math
from pathlib import Path


class FeatherweightError(Exception):
    """Base of every failure that is explained to the user rather than traced."""


class ArgumentError(FeatherweightError):
    """A value a person or a caller gave is outside what is accepted."""


class SettingsError(FeatherweightError):
    """An environment variable, or the folder it names, cannot be used."""


class DatasetError(FeatherweightError):
    """An image set is missing, malformed or unfit for a network."""


class UnconvertedError(DatasetError):
    """An image set would give wrong numbers as it lies; brought in through its report it may be converted.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


class StoreError(FeatherweightError):
    """The file of results cannot be opened, read or written."""


class RefusedError(StoreError):
    """The file of results is damaged, of a newer version or no store at all; it was left as it is.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


class TrainingError(FeatherweightError):
    """A training process failed or could not be started."""


class AccessError(FeatherweightError):
    """Somebody who may only look asked for more, or did not know the runner key."""


class LimitError(FeatherweightError):
    """More was asked for than fair use allows."""


def invalid(what: str, expected: str, received: object) -> ArgumentError:
    """Return the error for an argument: what it is, what was expected and what came.

    >>> str(invalid("width for family 'cnn'", "a whole number from 1 to 512", 0))
    "Invalid width for family 'cnn'. Expected a whole number from 1 to 512. Received: 0."
    """
    return ArgumentError(f"Invalid {what}. Expected {expected}. Received: {short_repr(received)}.")


def short_repr(value: object, most: int = 80) -> str:
    """Return a value as Python writes it, cut to what fits a sentence."""
    try:
        text = repr(value)
    except ValueError:  # Python does not print whole numbers of thousands of digits
        return "a number of thousands of digits"
    return cut(text, most)


def cut(text: str, most: int) -> str:
    """Return a text of at most so many characters, the last of which says that there were more."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def printable(text: str, most: int) -> str:
    """Return a text from elsewhere as it can stand in a sentence: cut, and with ? for what cannot be printed."""
    return cut("".join(x if x.isprintable() else "?" for x in text), most)


def number(value: object) -> float:
    """Return ``value`` as a float; text from a shell is accepted, and what is no number is not a number."""
    try:
        return math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan


def whole_number(value: object, what: str, low: int, high: int) -> int:
    """Return ``value`` as an int in ``low``..``high``; text from a URL or a shell is accepted.

    Raises:
        ArgumentError: if it is not a whole number or out of bounds.
    """
    expected = f"a whole number from {low:,} to {high:,}"
    if isinstance(value, bool):
        raise invalid(what, expected, value)
    if isinstance(value, str):
        # int() would also read '1_0' and digits of other scripts; only plain digits are meant here.
        text = value.strip()
        if not (text.isascii() and text.removeprefix("-").isdigit()) or len(text) > 20:
            raise invalid(what, expected, value)
        number = int(text)
    else:
        try:
            number = int(value)  # type: ignore[call-overload]
        except (TypeError, ValueError, OverflowError):
            raise invalid(what, expected, value) from None
        if number != value:
            raise invalid(what, expected, value)
    if not low <= number <= high:
        raise invalid(what, expected, value)
    return number
