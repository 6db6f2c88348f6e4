"""A line's items written out: groups repeated, names normalised, widths as numbers; and one line found in another."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from itertools import count

from core.networks.notation import SOFTMAX, Group, Item, Token, Width, takes, tokens


def without_dropout(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return items without dropouts."""
    return tuple(
        replace(x, body=without_dropout(x.body)) if isinstance(x, Group) else x
        for x in items
        if isinstance(x, Group) or x.name != "dropout"
    )


@lru_cache(maxsize=1024)
def flat(items: tuple[Item, ...], dropout: bool) -> tuple[Item, ...]:
    """Return items with every group but residuals written out, and names a, b, c for those that share weights."""
    fresh = count()
    every = _written_out(items, dropout, lambda: f"#{next(fresh)}")
    used = Counter(x.tie for x in tokens(every) if x.tie)
    names: dict[str, str] = {}
    for token in tokens(every):
        if used[token.tie] > 1:
            place = len(names)
            names.setdefault(token.tie, chr(97 + place % 26) + (str(place // 26) if place > 25 else ""))
    renamed = _renamed(every, lambda tie: names.get(tie, ""))
    return renamed[:-1] if renamed[-1:] == (SOFTMAX,) and len(renamed) > 1 else renamed  # it comes by itself


def _written_out(items: Iterable[Item], dropout: bool, fresh: Callable[[], str]) -> tuple[Item, ...]:
    found: list[Item] = []
    for item in items:
        if isinstance(item, Token):
            found += [item] if dropout or item.name != "dropout" else []
        elif item.kind == "residual":
            found.append(replace(item, body=_written_out(item.body, dropout, fresh)))
        elif item.kind == "shared":
            once = _written_out(item.body, dropout, fresh)
            found += _tied(once, fresh) * item.times
        else:
            for _ in range(item.times):
                found += _written_out(item.body, dropout, fresh)
    return tuple(found)


def _tied(items: tuple[Item, ...], fresh: Callable[[], str]) -> tuple[Item, ...]:
    """Give each layer that has weights, and none shared yet, a name of its own."""
    return tuple(
        replace(x, body=_tied(x.body, fresh))
        if isinstance(x, Group)
        else replace(x, tie=fresh())
        if "tie" in takes(x.name) and not x.tie
        else x
        for x in items
    )


def _renamed(items: tuple[Item, ...], name: Callable[[str], str]) -> tuple[Item, ...]:
    return tuple(
        replace(x, body=_renamed(x.body, name)) if isinstance(x, Group) else replace(x, tie=name(x.tie)) if x.tie else x
        for x in items
    )


def fixed(items: tuple[Item, ...], n: int) -> tuple[Item, ...]:
    """Return items with every width as a number, but for those of the classes."""
    return tuple(
        replace(x, body=fixed(x.body, n))
        if isinstance(x, Group)
        else replace(x, width=Width(plus=x.width.at(n)))
        if x.width and not x.width.classes
        else x
        for x in items
    )


def matches(template: tuple[Item, ...], held: tuple[Item, ...], bounds: list[tuple[int, int]]) -> bool:
    """Return whether items are a template for some n, and add the lowest and highest n that each width allows."""
    if len(template) != len(held):
        return False
    for a, b in zip(template, held, strict=True):
        if isinstance(a, Group) or isinstance(b, Group):
            if not (isinstance(a, Group) and isinstance(b, Group) and matches(a.body, b.body, bounds)):
                return False
            continue
        if a.width is None or b.width is None or a.width.classes or b.width.classes:
            if a != b:
                return False
            continue
        if replace(a, width=None) != replace(b, width=None):
            return False
        wanted = b.width.plus
        if not a.width.times:
            if a.width.plus != wanted:
                return False
        elif a.width.over:
            low = 1 if wanted == 1 else math.floor((wanted - 0.5) * a.width.over / a.width.times)
            bounds.append((low, math.ceil((wanted + 0.5) * a.width.over / a.width.times)))
        else:
            n, rest = divmod(wanted - a.width.plus, a.width.times)
            if rest:
                return False
            bounds.append((n, n))
    return True
