"""A count as a function of the width: a polynomial where widths grow linearly, else a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import invalid


@dataclass(frozen=True, slots=True)
class Polynomial:
    """``a·n² + b·n + c`` with whole coefficients."""

    a: int
    b: int
    c: int

    @classmethod
    def through(cls, values: Mapping[int, int]) -> Polynomial:
        """Return the polynomial with these values, by finite differences.

        Args:
            values: by n; those at 1, 2 and 3 make it, all others check it.

        Raises:
            ArgumentError: if no polynomial of degree two with whole coefficients has them.
        """
        first, second, third = (values[n] for n in (1, 2, 3))
        a = (third - 2 * second + first) // 2
        b = second - first - 3 * a
        found = cls(a, b, first - a - b)
        for n, value in values.items():
            if found(n) != value:
                raise invalid("counts", f"{found}, so {found(n):,} at n = {n}", value)
        return found

    def __call__(self, n: int) -> int:
        """Return the value at ``n``."""
        return (self.a * n + self.b) * n + self.c

    def __str__(self) -> str:
        terms = ((self.a, "n²"), (self.b, "n"), (self.c, ""))
        text = " + ".join(f"{x}{power}" if x != 1 or not power else power for x, power in terms if x)
        return text.replace("+ -", "- ") or "0"

    def at(self, n: int) -> str:
        """Return the polynomial with ``n`` put in and its value: ``63·2² + 335·2 + 10 = 932``."""
        terms = ((self.a, f"{n}²"), (self.b, f"{n}"), (self.c, ""))
        text = " + ".join(f"{x}·{power}" if power and x != 1 else power or f"{x}" for x, power in terms if x)
        return f"{text.replace('+ -', '- ') or '0'} = {self(n):,}"


@dataclass(frozen=True, slots=True)
class Table:
    """A count for every width up to the largest, where no polynomial gives it.

    Attributes:
        values: those for n = 1, 2, and so on.
        parts: what they are the sums of, one a layer, in the same order.
    """

    values: tuple[int, ...]
    parts: tuple[tuple[int, ...], ...]

    def __call__(self, n: int) -> int:
        """Return the value at ``n``."""
        return self.values[n - 1]

    def __str__(self) -> str:
        return "the sum of the layers"

    def at(self, n: int) -> str:
        """Return the sum at ``n`` and its value: ``160 + 2,416 = 2,576``."""
        return f"{' + '.join(f'{x:,}' for x in self.parts[n - 1]) or '0'} = {self(n):,}"


Count = Polynomial | Table
