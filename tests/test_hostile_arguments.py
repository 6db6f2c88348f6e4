"""What anyone may type after ``python -m core``: an answer, or one sentence on standard error and exit code 2."""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.cli import main as command_line
from core.cli import terminal
from core.data import datasets
from core.errors import DatasetError, TrainingError

Run = Callable[[Sequence[str]], tuple[int, str, str]]
IDLE = "Nothing is trained here."


def verbs() -> dict[str, list[str]]:
    """Return the options of each verb, as the parser has them."""
    parser = command_line.parser()
    (found,) = (x for x in parser._actions if isinstance(x, argparse._SubParsersAction))
    return {name: sorted(y for x in verb._actions for y in x.option_strings) for name, verb in found.choices.items()}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run a verb in this process, in a folder of its own, where nothing is trained or fetched."""
    home = tmp_path_factory.mktemp("home")
    (home / "data").mkdir()
    x, y = np.zeros((30, 12, 12), np.uint8), np.arange(30) % 3
    np.savez(home / "data" / "own.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    np.savez(home / "data" / "[b] 'broken'.npz", x_train=x)

    def offline(*_: object) -> NoReturn:
        raise DatasetError("There is no network here.")

    def idle(*_: object) -> NoReturn:
        raise TrainingError(IDLE)

    def function(words: Sequence[str]) -> tuple[int, str, str]:
        # as the real ones: what cannot be encoded is an error on the one and written otherwise on the other
        out, err = io.BytesIO(), io.BytesIO()
        with (
            contextlib.redirect_stdout(io.TextIOWrapper(out, "utf-8", "strict", write_through=True)) as first,
            contextlib.redirect_stderr(
                io.TextIOWrapper(err, "utf-8", "backslashreplace", write_through=True)
            ) as second,
        ):
            try:
                code = command_line.main(list(words))
            except SystemExit as e:  # argparse's own way out
                code = int(str(e.code))
        first.detach()
        second.detach()
        return code, out.getvalue().decode(), err.getvalue().decode()

    with pytest.MonkeyPatch.context() as patch:
        for variable, folder in (("HOME", "home"), ("DATA", "data")):
            patch.setenv(f"FEATHERWEIGHT_{variable}", str(home / folder))
        patch.setenv("KERAS_HOME", str(home / "keras"))
        patch.setattr(datasets, "fetch", offline)
        patch.setattr(terminal, "follow", idle)
        patch.setattr(terminal, "search", idle)
        patch.chdir(home)
        yield function


VERBS = verbs()
SENSIBLE = (
    "deep_cnn",
    "mlp",
    "2",
    "8-16",
    "1,2,4",
    "0",
    "0.97",
    "own",
    "mnist_5k",
    "csv",
    "json",
    "adam",
    "bfloat16",
    "held-out",
)
ODD = (
    "",
    " ",
    "-",
    "--",
    "-1",
    "1e999",
    "nan",
    "inf",
    "9" * 5000,
    "0x10",
    "1_0",
    "²",
    "٣",
    "[b] 'broken'",
    "../own",
    "a\nb",
    "\x1b[2J",
    "\udcff",
)
# No path: what is written goes into this folder.
word = (
    st.sampled_from(SENSIBLE)
    | st.sampled_from(ODD)
    | st.text(max_size=12).map(lambda x: x.replace("/", "").replace("\0", ""))
)


@st.composite
def commands(draw: st.DrawFn) -> list[str]:
    """A verb with words after it, as often an option with a value as not."""
    verb = draw(st.sampled_from(sorted(VERBS)) | word)
    words = [verb]
    for _ in range(draw(st.integers(0, 5))):
        if draw(st.booleans()) and VERBS.get(verb):
            words.append(draw(st.sampled_from(VERBS[verb])))
        words.append(draw(word))
    return words


# the module's home holds nothing that an example changes but files that it is asked to write
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commands())
@example(["count", "mlp", "9" * 5000])
@example(["count", "a\nb", "2"])
@example(["sweep", "--widths", "1-" + "9" * 400])
@example(["train", "mlp", "2", "--learning-rate", "1e999"])
@example(["train", "mlp", "2", "--learning-rate", "nan"])
@example(["results", "--target", "1e999"])
@example(["results", "--data", "[b] 'broken'"])
@example(["export", "--run", "9" * 30, "--out", "x"])
@example(["export", "--format", "csv", "--out", "\udcff"])
@example(["export", "--format", "csv", "--out", "x" * 300])
@example(["results", "a\nb"])
@example(["sweep"])
def test_whatever_is_typed_the_answer_is_no_traceback(run: Run, words: list[str]) -> None:
    code, out, err = run(words)
    assert code in (0, 1, 2)
    assert "Traceback" not in out + err
    if code:
        # a training that has begun may have said of its recipe what the reader should know
        assert err.count("\n") in ((1, 2) if err.endswith(f"{IDLE}\n") else (1,)), err
        assert err.endswith((".\n", "'\n")) and len(err) < 2000, err
        assert out == ""


def test_the_folder_holds_what_was_asked_for_and_no_more(run: Run) -> None:
    assert run(["export", "--format", "csv", "--out", "runs.csv"])[0] == 0
    assert Path("runs.csv").read_text("utf-8").startswith("id,")
    assert not list(Path().glob(".export-*"))
