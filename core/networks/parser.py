"""Reads a line of text: the one parser of the grammar of :mod:`core.networks.notation`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from core.errors import ArgumentError, cut
from core.networks.layer import ACTIVATIONS
from core.networks.notation import (
    CLASSES,
    EXAMPLES,
    KINDS,
    MAX_DEPTH,
    MAX_DIVISOR,
    MAX_LAYERS,
    MAX_MULTIPLIER,
    MAX_SIDE,
    MAX_STRIDE,
    MAX_TEXT,
    MAX_WIDTH,
    SIZED,
    SOFTMAX,
    Group,
    Item,
    Token,
    Width,
    takes,
    tokens,
    unrolled,
)

_NUMBER = r"(?:0|[1-9][0-9]{0,6})"
_WIDTH = re.compile(
    rf"(?:(?P<times>{_NUMBER})?\*?n(?:(?P<plus>\+{_NUMBER})|/(?P<over>{_NUMBER}))?|(?P<fixed>{_NUMBER}))"
)
_HEAD = re.compile(
    rf"(?P<name>[a-z]+?)(?P<size>{_NUMBER}x{_NUMBER}|{_NUMBER}|0?\.[0-9]{{1,6}}|{_NUMBER}\.[0-9]{{1,6}})?"
)
_TIE = re.compile(r"[a-z][a-z0-9_]{0,19}")


def parse(text: str) -> tuple[Item, ...]:
    """Read a line of text.

    Raises:
        ArgumentError: naming the layer by its place in the text, what was expected and what came.
    """
    if not isinstance(text, str):
        raise ArgumentError(f"Expected layers as a line of text. Received: {str(text)[:40]!r}.")
    if len(text) > MAX_TEXT:
        raise ArgumentError(f"Expected a line of at most {MAX_TEXT:,} characters. Received: {len(text):,}.")
    items = _Reader(text.lower()).items(0)
    if not items or items == (SOFTMAX,):
        raise ArgumentError("Expected at least one layer, such as flatten. Received: none.")
    count = sum(1 for _ in unrolled(items))
    if count > MAX_LAYERS:
        raise ArgumentError(f"Expected at most {MAX_LAYERS} layers after repeating. Received: more.")
    _check_softmax(items)
    if items and items[-1] == SOFTMAX:
        items = items[:-1]
    return items


def width_of(text: str) -> Width | None:
    """Return the width that a text is, or None if it is none."""
    if text == "classes":
        return CLASSES
    found = _WIDTH.fullmatch(text)
    if not found:
        return None
    if found["fixed"]:
        return Width(plus=int(found["fixed"]))
    over = int(found["over"] or 0)
    if found["over"] and not over:
        return None
    return Width(int(found["times"] or 1), int(found["plus"] or 0), over)


class _Reader:
    """Reads a line from left to right; knows which layer it is at."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.place = text, 0, 0

    def items(self, depth: int) -> tuple[Item, ...]:
        """Read up to the end, or within brackets to the one that closes."""
        found: list[Item] = []
        while True:
            while self.at < len(self.text) and self.text[self.at].isspace():
                self.at += 1
            if self.at == len(self.text):
                if depth:
                    raise ArgumentError("Expected ] for every [. Received: a line that ends without one.")
                return tuple(found)
            if self.text[self.at] == "]":
                if not depth:
                    raise ArgumentError(
                        f"Expected [ before ], as in 4x[conv3(n)]. Received: a ] after {self._where()}."
                    )
                self.at += 1
                return tuple(found)
            found.append(self._item(depth))

    def _where(self) -> str:
        return f"layer {self.place}" if self.place else "nothing"

    def _item(self, depth: int) -> Item:
        head = re.compile(r"[^\s()\[\]]*").match(self.text, self.at)
        assert head
        word = head[0]
        self.at = head.end()
        following = self.text[self.at] if self.at < len(self.text) else ""
        if following == "[":
            self.at += 1
            return self._group(word, depth)
        self.place += 1
        arguments = None
        if following == "(":
            end = self.text.find(")", self.at)
            if end < 0:
                raise self._wrong(word, "a ) after the arguments", "a line that ends without one")
            arguments = self.text[self.at + 1 : end]
            self.at = end + 1
            if "(" in arguments or "[" in arguments or "]" in arguments:
                raise self._wrong(word, "a ) after the arguments", arguments)
        elif following == ")":
            raise self._wrong(f"{word})", "( before )", f"{word})")
        return self._token(word, arguments)

    def _group(self, word: str, depth: int) -> Group:
        found = re.fullmatch(rf"(?P<shared>shared)(?P<all>{_NUMBER})|(?P<times>{_NUMBER})x|residual", word)
        if not found:
            raise ArgumentError(
                f"After {self._where()}: expected residual[, a repeat such as 4x[ or shared4[. Received: {word[:40]}[."
            )
        if depth >= MAX_DEPTH:
            raise ArgumentError(f"Expected at most {MAX_DEPTH} brackets within each other. Received: more.")
        times = int(found["all"] or found["times"] or 1)
        if not 1 <= times <= MAX_LAYERS:
            raise ArgumentError(
                f"After {self._where()}: expected a number of times from 1 to {MAX_LAYERS}. Received: {word}[."
            )
        where = self._where()
        body = self.items(depth + 1)
        if all(x.name == "dropout" for x in tokens(body)):
            raise ArgumentError(f"After {where}: expected layers within {word}[...]. Received: none with a use.")
        return Group("shared" if found["shared"] else "repeat" if found["times"] else "residual", times, body)

    def _wrong(self, word: str, expected: str, received: str, arguments: str | None = None) -> ArgumentError:
        shown, came = cut(word if arguments is None else f"{word}({arguments})", 60), cut(received, 60)
        return ArgumentError(f"Layer {self.place}, {shown}: expected {expected}. Received: {came}.")

    def _token(self, word: str, arguments: str | None) -> Token:
        found = _HEAD.fullmatch(word)
        name, size = (found["name"], found["size"]) if found else (word, None)
        if name not in KINDS and name not in ACTIVATIONS:
            known = ", ".join(f"{x}3" if x in SIZED[:3] else f"{x}2" if x in SIZED else x for x in KINDS)
            raise self._wrong(word, f"one of {known} or an activation", word or (arguments or "nothing"))
        made = self._sized(word, name, size)
        given = [x.strip() for x in arguments.split(",")] if arguments is not None else []
        seen: set[str] = set()
        for text in given:
            what, value = self._argument(word, name, text, arguments or "")
            if what in seen:
                raise self._wrong(word, f"each argument once, and one {_noun(what)}", text, arguments)
            seen.add(what)
            made = replace(made, **{what: value})
        if made.size and name.endswith("pool"):
            height, width = made.size
            if height == width == made.stride:  # its own
                made = replace(made, stride=0)
            if height != width and not made.stride:
                raise self._wrong(word, f"a stride, as its sides differ, such as {word}(stride2)", "none", arguments)
        if "width" in takes(name) and made.width is None:
            raise self._wrong(word, f"{EXAMPLES['width']} in brackets", "none", arguments)
        return made

    def _sized(self, word: str, name: str, size: str | None) -> Token:
        """Return a layer with what stands at its name: a kernel's side, a dropout's rate."""
        if name == "dropout":
            rate = float(size) if size and "x" not in size else -1.0
            if not 0 < rate < 1:
                raise self._wrong(word, "a share above 0 and below 1, such as dropout0.25", size or "none")
            return Token(name, rate=rate)
        if name not in SIZED:
            if size is not None:
                raise self._wrong(word, f"{name} without a number", word)
            return Token(name)
        parts = [int(x) for x in size.split("x")] if size and "." not in size else []
        least = 2 if name.endswith("pool") else 1
        if not parts or not all(1 <= x <= MAX_SIDE for x in parts) or max(parts) < least:
            example = f"{name}2" if least == 2 else f"{name}3 or {name}3x1"
            raise self._wrong(word, f"a size from {least} to {MAX_SIDE}, such as {example}", size or "none")
        return Token(name, size=(parts[0], parts[-1]))

    def _argument(self, word: str, name: str, text: str, arguments: str) -> tuple[str, Any]:
        """Return which field of a layer an argument sets, and to what."""
        allowed = takes(name)
        what, value = _meaning(text)
        if what in allowed:
            if what == "width":
                self._check_width(word, value, text, arguments)
            low = {"stride": MAX_STRIDE, "multiplier": MAX_MULTIPLIER}.get(what)
            if low and not 1 <= value <= low:
                raise self._wrong(word, f"{what}1 to {what}{low}", text, arguments)
            if what == "stride" and value == 1 and not name.endswith("pool"):
                value = 0
            return what, value
        if what is None and "width" in allowed and text[:1].isdigit():
            raise self._wrong(word, EXAMPLES["width"], text, arguments)
        if not allowed:
            raise self._wrong(word, f"{name} without arguments", text or "nothing", arguments)
        expected = ", ".join(EXAMPLES[x] for x in EXAMPLES if x in allowed)
        raise self._wrong(word, expected, text or "nothing", arguments)

    def _check_width(self, word: str, width: Width, text: str, arguments: str) -> None:
        if width.classes:
            return
        if not width.times and not 1 <= width.plus <= MAX_WIDTH:
            raise self._wrong(word, f"a width from 1 to {MAX_WIDTH:,}", text, arguments)
        if width.over > MAX_DIVISOR:
            raise self._wrong(word, f"a divisor of at most {MAX_DIVISOR}", text, arguments)
        if width.times > MAX_WIDTH or width.at(1) > MAX_WIDTH:
            raise self._wrong(word, f"a width of at most {MAX_WIDTH:,} for n = 1", text, arguments)


def _meaning(text: str) -> tuple[str | None, Any]:
    """Return what an argument is, and its value."""
    if text in ("same", "nobias"):
        return ("same", True) if text == "same" else ("bias", False)
    for word in ("stride", "multiplier"):
        number = text.removeprefix(word)
        if number != text and re.fullmatch(_NUMBER, number):
            return word, int(number)
    if text in ACTIVATIONS:
        return "activation", text
    first, _, tie = text.partition(" ")
    if first == "as" and _TIE.fullmatch(tie.strip()):
        return "tie", tie.strip()
    width = width_of(text.replace(" ", ""))
    return ("width", width) if width else (None, None)


def _noun(what: str) -> str:
    return {"tie": "name", "bias": "nobias", "same": "same"}.get(what, what)


def _check_softmax(items: tuple[Item, ...]) -> None:
    """Raise ``ArgumentError`` for a softmax that is not the last layer."""
    every = list(tokens(items))
    for place, token in enumerate(every, start=1):
        if "softmax" not in (token.name, token.activation):
            continue
        if place < len(every):
            raise ArgumentError(
                f"Layer {place}, {token}: expected softmax in the last layer only. "
                f"Received: softmax in layer {place} of {len(every)}."
            )
        if items[-1] is not token:
            raise ArgumentError(f"Layer {place}, {token}: expected softmax outside of brackets. Received: it within.")
