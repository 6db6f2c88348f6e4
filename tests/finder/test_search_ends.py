"""What ends a search, or is in its way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.access import Visitor
from core.errors import LimitError, StoreError
from core.finder.bisection import Verdict
from core.finder.question import Question, asked
from core.finder.search import Phase, Search
from core.limits import Limits
from core.networks.families import of_line
from core.runner.guarded import GuardedRunner, Owners
from tests.finder import searching
from tests.finder.searching import GOOD, RECIPE, WIDTHS, Trained, background

trained = searching.trained  # the same fixture


def test_a_runner_that_is_closed_ends_it(trained: Trained) -> None:
    here = trained(waits=[[16, 0]])
    search = here.search()
    thread = background(search)
    here.until(search, lambda x: x.waiting)
    here.runner.close()
    thread.join(15)
    assert not thread.is_alive() and search.standing().phase is Phase.STOPPED
    assert search.run().phase is Phase.STOPPED, "and so does one that is closed already"


def test_images_that_change_end_it_with_a_sentence(trained: Trained) -> None:
    here = trained()
    x, y = np.full((400, 4, 4), 200, np.uint8), np.arange(400) % 10
    np.savez(here.own.data / "tiny.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    standing = here.search().run()
    assert standing.phase is Phase.FAILED and "has changed since" in (standing.problem or "")
    assert not here.store.runs() and here.store.waiting() == []


def test_images_that_change_while_its_run_waits_end_it_with_a_sentence(trained: Trained) -> None:
    here = trained(waits=[[1, 77]])
    first = here.cell(1, 77)
    here.runner.submit([first])
    here.begun(first)
    search = here.search()
    thread = background(search)
    here.watched(lambda x: x.queue)
    x, y = np.full((400, 4, 4), 200, np.uint8), np.arange(400) % 10
    np.savez(here.own.data / "tiny.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    here.runner.stop_run(first)
    thread.join(15)
    assert search.standing().phase is Phase.FAILED and "has changed since" in (search.standing().problem or "")


@pytest.mark.parametrize("limits", [Limits(weights=100), Limits(epochs=2), Limits(cells=1)])
def test_what_the_limits_refuse_ends_it_with_their_sentence(trained: Trained, limits: Limits) -> None:
    here = trained()
    visitor = Visitor("somebody", "local")
    guarded = GuardedRunner(here.runner, replace(here.own, limits=limits), Owners(), visitor)
    standing = Search(here.question(), here.dataset, here.store, guarded, own=True).run()
    assert standing.phase is Phase.FAILED and "Received" in (standing.problem or "") and not standing.waiting
    with pytest.raises(LimitError, match="Received"):
        guarded.submit(here.cells((16, 20), (16, 21)))
    assert not here.runner.progress().busy


def test_a_store_that_is_full_holds_it_until_it_is_stopped(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StoreError("The store cannot be used (database or disk is full).")

    here = trained()
    monkeypatch.setattr(here.store, "add_epoch", full)
    search = here.search()
    thread = background(search)
    here.watched(lambda x: x.held)
    assert thread.is_alive()
    search.stop()
    thread.join(15)
    assert not thread.is_alive() and search.standing().phase is Phase.STOPPED and not here.runner.progress().queue


def test_two_families_with_the_same_networks_share_their_runs(trained: Trained) -> None:
    here = trained()
    standing = here.search("mlp", "flatten dense(n) dense(n)", only_smallest=False).run()
    first, second = standing.findings
    assert first.verdict is second.verdict is Verdict.FOUND
    assert first.judgements == second.judgements and len(here.store.runs()) == len(standing.spent)


@pytest.mark.parametrize("line", ["flatten dense(n/3) dense(n)", "flatten dense(n/4)", "flatten dense(3)"])
def test_widths_with_the_same_network_are_one(trained: Trained, line: str) -> None:
    here = trained({n: GOOD for n in WIDTHS})
    facts = here.dataset.facts
    one = asked(of_line(line), RECIPE, facts.input_shape, facts.classes)
    standing = Search(Question((one,), 0.9), here.dataset, here.store, here.runner, own=True).run()
    assert standing.phase is Phase.ENDED and standing.findings[0].verdict is Verdict.FOUND


def test_a_recipe_with_dropout_for_a_family_without_ends(trained: Trained) -> None:
    here = trained()
    standing = here.search("flatten dense(n) dense(n)", recipe=replace(RECIPE, dropout=True)).run()
    assert standing.phase is Phase.ENDED and standing.findings[0].verdict is Verdict.FOUND
