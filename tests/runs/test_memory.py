"""What a training is forecast to take, against what was measured, and what a machine or its control groups have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.data.images import Facts
from core.errors import ArgumentError
from core.networks.families import family
from core.networks.line import Line
from core.networks.network import Network
from core.recipe import Recipe
from core.runs import memory
from tests.written import written

GIB = 2**30
LARGE = Facts((96, 96, 3), 10, 8_333, 1_667, "0" * 16)
DIGITS = Facts((28, 28, 1), 10, 60_000, 10_000, "0" * 16)
FEW = Facts((28, 28, 1), 10, 4_000, 1_000, "0" * 16)
PATCH = Facts((96, 96, 3), 10, 600, 200, "0" * 16)
# (family, width, images, batch) and the peak in MB of the training process, as the module's table has them
MEASURED = [
    ("mlp", 32, FEW, 128, 719),
    ("deep_cnn", 2, FEW, 128, 803),
    ("deep_cnn", 2, FEW, 2048, 858),
    ("deep_cnn", 32, FEW, 1024, 1097),
    ("cnn", 64, FEW, 128, 1149),
    ("deep_cnn", 2, DIGITS, 128, 857),
    ("deep_cnn", 2, LARGE, 128, 1181),
    ("deep_cnn", 8, LARGE, 128, 1546),
    ("cnn", 8, PATCH, 128, 1278),
    ("cnn", 32, PATCH, 128, 2663),
]

ON_TILES = [
    ("mlp", 32, FEW, 647),
    ("deep_cnn", 2, FEW, 648),
    ("cnn", 64, FEW, 845),
    ("deep_cnn", 8, LARGE, 1068),
    ("cnn", 32, PATCH, 1388),
]


def recipe(batch: int = 128) -> Recipe:
    return Recipe("adadelta", 1.0, 2, batch)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A machine with 8 GiB available, this process in no control group."""
    files = {
        "meminfo": "MemTotal: 16777216 kB\nMemFree: 1048576 kB\nMemAvailable: 8388608 kB\n",
        "self/cgroup": "",
        "77/status": "Name:\tpython\nVmHWM:\t4194304 kB\nVmRSS:\t3145728 kB\nRssAnon:\t2097152 kB\n",
    }
    written(tmp_path / "proc", files)
    return tmp_path / "proc"


def group(limit: object, used: int, inactive: int = 0, active: int = 0) -> dict[str, str]:
    """A control group of version 2."""
    stat = f"anon 1\nfile {inactive + active}\ninactive_file {inactive}\nactive_file {active}\n"
    return {"memory.max": f"{limit}\n", "memory.current": f"{used}\n", "memory.stat": stat}


def under(path: str, files: dict[str, str]) -> dict[str, str]:
    return {f"{path}/{name}": text for name, text in files.items()}


@pytest.mark.parametrize(("key", "width", "facts", "batch", "measured"), MEASURED)
def test_a_forecast_errs_a_little_high(key: str, width: int, facts: Facts, batch: int, measured: int) -> None:
    needed = memory.need(family(key).build(width, facts.input_shape, 10), facts, recipe(batch), tiled=False)
    assert 0.9 < needed / 1e6 / measured < 1.6


@pytest.mark.parametrize(("key", "width", "facts", "measured"), ON_TILES)
def test_on_tiles_it_does_too(
    key: str, width: int, facts: Facts, measured: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "cores", lambda: 2)
    needed = memory.need(family(key).build(width, facts.input_shape, 10), facts, recipe(), tiled=True)
    assert 0.9 < needed / 1e6 / measured < 1.6


def test_a_machine_without_groups_has_what_it_says(proc: Path, tmp_path: Path) -> None:
    assert memory.available(None, proc, tmp_path / "none") == 8 * GIB


def test_where_nothing_is_known_nothing_is_said(tmp_path: Path) -> None:
    assert memory.available(None, tmp_path / "proc", tmp_path / "groups") is None
    assert memory.available(77, tmp_path / "proc", tmp_path / "groups") is None


def test_what_the_trainer_holds_counts_as_available(proc: Path, tmp_path: Path) -> None:
    assert memory.available(77, proc, tmp_path / "none") == 10 * GIB
    assert memory.available(78, proc, tmp_path / "none") == 8 * GIB, "it has ended"


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        (group("max", GIB), group("max", GIB), 8 * GIB),
        (group(4 * GIB, 3 * GIB), group("max", GIB), GIB),
        (group(4 * GIB, 3 * GIB, GIB // 2, GIB // 4), group("max", GIB), GIB + GIB // 2 + GIB // 4),
        (group("max", GIB), group(5 * GIB, 3 * GIB), 2 * GIB),
        (group(4 * GIB, GIB), group(5 * GIB, 3 * GIB), 2 * GIB),
        (group(100 * GIB, GIB), {}, 8 * GIB),
        (group(GIB, 2 * GIB), {}, 0),
        (group("nonsense", 2 * GIB), {}, 8 * GIB),
    ],
)
def test_the_tightest_of_nested_groups_counts(
    proc: Path, tmp_path: Path, inner: dict[str, str], outer: dict[str, str], expected: int
) -> None:
    written(proc, {"self/cgroup": "0::/outer/inner\n"})
    groups = written(tmp_path / "groups", under("outer", outer) | under("outer/inner", inner))
    assert memory.available(None, proc, groups) == expected


def test_a_container_sees_its_own_group_as_the_root(proc: Path, tmp_path: Path) -> None:
    written(proc, {"self/cgroup": "0::/docker/0123\n"})
    assert memory.available(None, proc, written(tmp_path / "groups", group(3 * GIB, GIB))) == 2 * GIB


@pytest.mark.parametrize(("limit", "expected"), [(3 * GIB, 2 * GIB + 4096), (9223372036854771712, 8 * GIB)])
def test_groups_of_version_1(proc: Path, tmp_path: Path, limit: int, expected: int) -> None:
    written(proc, {"self/cgroup": "5:cpu,cpuacct:/a\n4:memory:/a/b\n0::/\n"})
    stat = "cache 1\ninactive_file 7\ntotal_inactive_file 4096\n"
    inside = {"memory.limit_in_bytes": f"{limit}\n", "memory.usage_in_bytes": f"{GIB}\n", "memory.stat": stat}
    groups = written(tmp_path / "groups", under("memory/a/b", inside))
    assert memory.available(None, proc, groups) == expected


def test_this_machine_has_some() -> None:
    there = memory.available()
    assert there is None or there > 10_000_000


def test_what_does_not_fit_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "on_tiles", lambda _, recipe: recipe.precision == "float32")
    bytes_, many = Facts((96, 96, 3), 10, 100_000, 10_000, "0" * 16), replace(recipe(1024), precision="bfloat16")
    large = Facts((600, 600, 1), 10, 10, 2, "0" * 16)
    for key, width, facts, asked, said in (
        ("mlp", 2, bytes_, recipe(), "fewer or smaller"),
        ("cnn", 8, LARGE, many, "1024"),
        ("mlp", 1024, LARGE, recipe(), "narrower"),
        ("deep_cnn", 8, large, recipe(), "smaller images"),
        ("mlp", 2, FEW, recipe(), "larger machine"),
    ):
        network = family(key).build(width, facts.input_shape, 10)
        needed = memory.need(network, facts, asked)
        memory.check(network, facts, asked, needed)
        memory.check(network, facts, asked, None)
        with pytest.raises(ArgumentError, match=said) as refused:
            memory.check(network, facts, asked, 400_000_000)
        assert f"{needed / 1e9:.1f} GB" in str(refused.value) and "0.4 GB" in str(refused.value)


CPU = "flags\t\t: fpu avx avx2 fma\n"


@pytest.mark.parametrize(
    ("line", "precision", "cpu", "expected"),
    [
        ("conv3(2) flatten", "float32", CPU, True),
        ("conv3(2) flatten", "bfloat16", CPU, False),
        ("conv3(2) flatten", "float32", "flags : fpu avx fma\n", False),
        ("conv3(2) flatten", "float32", "", False),
        ("conv3(2) batchnorm flatten", "float32", CPU, False),
        ("flatten dense(4096) dense(99)", "float32", CPU, False),
        ("conv8(2) flatten", "float32", CPU, False),
    ],
)
def test_what_is_trained_on_tiles(line: str, precision: str, cpu: str, expected: bool, proc: Path) -> None:
    network = Network((12, 12, 1), Line.of(line).layers(1, 3, dropout=False))
    written(proc, {"cpuinfo": cpu})
    asked = replace(recipe(), precision=precision)
    assert memory.on_tiles(network, asked, proc) is expected


def test_on_tiles_a_batch_takes_little_and_a_wide_window_much() -> None:
    network = family("deep_cnn").build(8, (96, 96, 3), 10)
    on_tiles, whole = (memory.parts(network, LARGE, recipe(1024), tiles) for tiles in (True, False))
    assert on_tiles.batch < whole.batch / 5
    assert on_tiles.images <= whole.images + whole.batch


def test_the_need_grows_with_images_batch_and_width() -> None:
    def need(width: int, facts: Facts, batch: int) -> int:
        return memory.need(family("cnn").build(width, facts.input_shape, 10), facts, recipe(batch))

    assert need(2, FEW, 128) < need(2, DIGITS, 128) < need(8, DIGITS, 128) < need(8, DIGITS, 1024)
    floats = Facts((28, 28, 1), 10, 60_000, 10_000, "0" * 16, pixel_bytes=4)
    assert need(2, floats, 128) - need(2, DIGITS, 128) >= 3 * 70_000 * 784


def test_a_sentence_has_both_figures() -> None:
    assert memory.sentence(900_000_000, 21_400_000_000) == "needs about 0.9 GB of 21 GB"
    assert memory.sentence(9_949_000_000, None) == "needs about 9.9 GB"
