"""Searches with a runner and a training process whose networks read as well as they are wide."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from core.finder.bisection import Verdict
from core.finder.search import Phase
from core.finder.trials import Outcome
from core.runs.run import Epoch, RunState
from tests.finder import searching
from tests.finder.searching import BAD, FROM_5, GOOD, WIDTHS, Trained, background
from tests.runs_of import current

trained = searching.trained  # the same fixture


def test_a_search_trains_what_it_needs_and_finds_the_smallest(trained: Trained) -> None:
    here = trained()
    standing = here.search().run()
    (finding,) = standing.findings
    assert standing.phase is Phase.ENDED and finding.verdict is Verdict.FOUND
    assert finding.above and finding.above.width == 5 and finding.below and finding.below.width == 4
    runs = here.store.runs()
    assert {(x.cell, x.state is RunState.DONE) for x in runs} == {(x.cell, True) for x in standing.spent} or any(
        x.state is RunState.STOPPED for x in runs
    )
    assert len(standing.spent) == len({x.cell for x in standing.spent}) == len(runs) < 0.25 * 5 * len(WIDTHS)
    assert not standing.waiting and here.store.waiting() == []
    again = here.search().run()
    assert again.findings == standing.findings and not again.spent, "asked again it trains nothing"


def test_a_run_that_is_hopeless_is_stopped_and_counts_as_a_fail_and_in_no_mean(trained: Trained) -> None:
    # n = 16, 8 and 6 come first and gain 0.35; n = 4 is 0.25 behind after its first epoch
    here = trained(slow=0.2)
    here.runner.submit(here.cells((16, 0), (8, 0), (6, 0)))
    here.watched(lambda x: not x.busy)
    standing = here.search().run()
    (finding,) = standing.findings
    assert finding.verdict is Verdict.FOUND and finding.below and finding.below.width == 4
    stopped = [x for x in here.store.runs() if x.state is RunState.STOPPED]
    assert {(4, seed) for seed in range(5)} <= {(x.width, x.seed) for x in stopped}
    assert all(x.epochs < 3 for x in stopped)
    assert finding.below.mean is None and {x.outcome for x in finding.below.trials} == {Outcome.HOPELESS}
    again = here.search().run()
    assert again.findings == standing.findings and not again.spent, "what was hopeless is not trained anew"


def test_nothing_is_stopped_without_the_evidence_of_three_finished_runs(trained: Trained) -> None:
    here = trained({n: [0.1, 0.1, 0.95 if n >= 5 else 0.5] for n in WIDTHS}, slow=0.05)
    here.search(seeds=1).run()
    first = sorted(here.store.runs(), key=lambda x: x.id)[:3]
    assert [x.state for x in first] == [RunState.DONE] * 3


def test_a_run_that_went_on_after_it_was_hopeless_is_not_trained_over_and_over(trained: Trained) -> None:
    # hopeless after its first epoch, not after its second, which it ends with where the word comes late
    reads = {n: GOOD for n in WIDTHS} | {4: [0.3, 0.85, 0.87], 3: BAD, 2: BAD, 1: BAD}
    here = trained(reads, slow=0.2)
    here.runner.submit(here.cells((16, 0), (8, 0), (6, 0)))
    (cell,) = here.cells((4, 0))
    run = here.store.begin(
        cell, parameters=1, multiply_adds=1, train_images=10_000, test_images=10_000, device="", versions={}
    )
    for number, read in enumerate(reads[4][:2], 1):
        here.store.add_epoch(run, Epoch(number, 1.0, read, 1.0, read, 0.1))
    here.store.end(run, RunState.STOPPED, seconds=1.0)
    here.watched(lambda x: not x.busy)
    (finding,) = here.search().run().findings
    (kept,) = here.store.runs_of([cell]).values()
    assert kept.id == run and finding.above and finding.above.width == 5


def test_stopped_it_ends_its_run_and_asked_again_it_goes_on(trained: Trained) -> None:
    here = trained(waits=[[16, 0]])
    search = here.search(target=0.9, seeds=2)
    thread = background(search)
    here.until(search, lambda x: x.waiting)
    here.begun(here.cell(16, 0))
    search.stop()
    thread.join(30)
    standing = search.standing()
    assert not thread.is_alive() and standing.phase is Phase.STOPPED and standing.problem is None
    assert here.places(RunState.STOPPED) == [(16, 0)] and here.store.waiting() == [] and not standing.waiting
    here.runner.close()
    more = trained()
    ended = more.search(seeds=2).run()
    assert ended.phase is Phase.ENDED and ended.findings[0].above and ended.findings[0].above.width == 5


def test_a_stop_while_the_run_is_being_prepared_is_not_lost(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    here = trained(waits=[[16, 0]])
    begun, go, begin = threading.Event(), threading.Event(), here.store.begin

    def slow(*args: Any, **named: Any) -> int:
        begun.set()
        assert go.wait(30)
        return begin(*args, **named)

    monkeypatch.setattr(here.store, "begin", slow)
    search = here.search()
    thread = background(search)
    assert begun.wait(30)
    search.stop()
    time.sleep(0.7)  # it has looked by then
    go.set()
    thread.join(15)
    assert not thread.is_alive() and search.standing().phase is Phase.STOPPED
    assert here.places(RunState.STOPPED) == [(16, 0)]


def test_beside_a_sweep_its_runs_come_first_and_the_sweep_is_not_disturbed(trained: Trained) -> None:
    here = trained(FROM_5, waits=[[1, 77]])
    sweep_ = here.cells((1, 77), (2, 77), (3, 77))
    here.runner.submit(sweep_)
    here.begun(sweep_[0])
    search = here.search(runs=2, seeds=1)
    thread = background(search)
    now = here.watched(lambda x: len(x.queue) == 3)
    assert now.queue == (here.cell(16, 0), *sweep_[1:]) and current(now) == sweep_[0]
    here.runner.stop_run(sweep_[0])
    thread.join(30)
    assert search.standing().phase is Phase.ENDED
    here.watched(lambda x: not x.busy)
    order = [(x.width, x.seed) for x in here.store.runs()]
    assert order[:2] == [(1, 77), (16, 0)] and {(2, 77), (3, 77)} <= set(here.places())


def test_what_a_sweep_has_asked_for_as_well_stays_the_sweeps(trained: Trained) -> None:
    here = trained(waits=[[1, 77]])
    first = here.search(seeds=1)
    start = first.question.asked[0].widths[-1]  # an MLP opens with more than 16
    sweep_ = here.cells((1, 77), (start, 0), (2, 77))
    here.runner.submit(sweep_)
    here.begun(sweep_[0])
    thread = background(first)
    here.until(first, lambda x: x.waiting)
    assert first.standing().waiting == (sweep_[1],)
    first.stop()
    thread.join(15)
    assert not thread.is_alive() and first.standing().phase is Phase.STOPPED
    now = here.runner.progress()
    assert now.running and now.running[0].cell == sweep_[0] and now.queue == tuple(sweep_[1:])


@pytest.mark.parametrize("at_once", [False, True])
def test_a_users_stop_of_one_of_its_runs_ends_it(trained: Trained, at_once: bool) -> None:
    # both ends of the bracket are asked for more seeds: of several cells one is stopped
    here = trained(waits=[[5, 2]])
    search = here.search()
    thread = background(search)
    here.begun(here.cell(5, 2))
    (here.runner.stop_now if at_once else here.runner.stop_after_epoch)()
    thread.join(15)
    standing = search.standing()
    assert not thread.is_alive() and standing.phase is Phase.STOPPED
    assert standing.problem and "n = 5, seed 2" in standing.problem
    assert not here.runner.progress().busy and here.store.waiting() == []


def test_a_queue_that_is_cleared_ends_it(trained: Trained) -> None:
    here = trained(waits=[[1, 77]])
    here.runner.submit(here.cells((1, 77)))
    here.begun(here.cell(1, 77))
    search = here.search()
    thread = background(search)
    here.watched(lambda x: x.queue)
    here.runner.clear()
    thread.join(15)
    assert not thread.is_alive() and search.standing().phase is Phase.STOPPED and search.standing().problem


def test_runs_at_most(trained: Trained) -> None:
    here = trained()
    standing = here.search(runs=2).run()
    assert standing.phase is Phase.ENDED and standing.findings[0].verdict is Verdict.OUT_OF_TIME
    assert len(here.store.runs()) == len(standing.spent) == 2
    more = here.search(runs=50).run()
    assert more.findings[0].verdict is Verdict.FOUND and len(more.spent) + 2 == len(here.store.runs())


def test_minutes_at_most_end_a_run_too(trained: Trained) -> None:
    here = trained(waits=[[16, 0]])
    began = time.monotonic()
    standing = here.search(minutes=0.02).run()  # 1.2 s
    assert time.monotonic() - began < 15
    assert standing.phase is Phase.ENDED and standing.findings[0].verdict is Verdict.OUT_OF_TIME
    assert here.places(RunState.STOPPED) in ([(16, 0)], []) and not here.runner.progress().busy


def test_a_run_that_fails_gives_its_family_up_and_is_tried_once_more_when_asked_again(trained: Trained) -> None:
    here = trained(fails=[[5, 0]])
    standing = here.search(only_smallest=False).run()
    (finding,) = standing.findings
    assert standing.phase is Phase.ENDED and finding.verdict is Verdict.FAILED
    assert finding.message == "n = 5, seed 0: Training diverged at epoch 1."
    here.runner.close()
    more = trained()
    (finding,) = more.search().run().findings
    assert finding.verdict is Verdict.FOUND and finding.above and finding.above.width == 5


def test_a_trainer_that_dies_twice_fails_the_run(trained: Trained) -> None:
    here = trained(dies=[[16, 0]])
    standing = here.search().run()
    assert standing.phase is Phase.ENDED and standing.findings[0].verdict is Verdict.FAILED
    assert "SIGKILL" in (standing.findings[0].message or "")
