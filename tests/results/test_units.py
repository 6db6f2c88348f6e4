from __future__ import annotations

from core.results.units import UNITS


def test_every_unit_says_what_it_is() -> None:
    assert list(UNITS) == ["weights", "float32", "int8", "operations", "time"]
    for unit in UNITS.values():
        assert unit.title and unit.axis and unit.format and unit.help
    assert len({x.title for x in UNITS.values()}) == len(UNITS)
