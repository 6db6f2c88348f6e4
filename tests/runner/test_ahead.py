"""What comes first, what is stopped and what is forgotten where several ask one runner."""

from __future__ import annotations

import pytest

from core.access import Visitor
from core.errors import AccessError
from core.runner.guarded import GuardedRunner, Owners
from core.runner.runner import Runner
from core.runs.store import Store
from core.settings import Settings
from tests.fake_training import WAIT
from tests.runner import test_runner
from tests.runner.test_runner import cells, until
from tests.runs_of import current, epochs, run_of, states_of

own, store, runner = test_runner.own, test_runner.store, test_runner.runner  # the same fixtures


def test_what_is_to_come_first_is_queued_ahead_of_all_that_waits(own: Settings, store: Store, runner: Runner) -> None:
    runner.submit(cells(own, WAIT))
    until(runner, epochs)
    sweep_, first, second = cells(own, 10, 11), cells(own, 20, 21), cells(own, 30)
    runner.submit(sweep_)
    assert runner.submit(first, ahead=True) == 2
    assert runner.submit([*sweep_, *second], ahead=True) == 1, "what waits already keeps its place"
    now = runner.progress()
    assert current(now) == cells(own, WAIT)[0], "the current run goes on"
    assert now.queue == (*second, *first, *sweep_) and (now.done, now.total) == (0, 6)
    runner.stop_run(cells(own, WAIT)[0])
    until(runner, lambda p: p.done == 6)
    assert [x.seed for x in store.runs()] == [WAIT, 30, 20, 21, 10, 11]


def test_one_run_is_stopped_and_the_queue_goes_on(own: Settings, store: Store, runner: Runner) -> None:
    stopped, other = cells(own, WAIT), cells(own, 10)
    runner.submit([*stopped, *other])
    until(runner, epochs)
    runner.stop_run(other[0])  # it only waits
    assert current(runner.progress()) == stopped[0] and runner.progress().queue == tuple(other)
    runner.stop_run(stopped[0])
    now = until(runner, lambda p: p.done == 2)
    assert not now.held and now.problem is None
    row = run_of(store, stopped[0])
    assert (row.state, row.epochs) == ("stopped", 1) and store.weights(row.id)
    assert states_of(store, other) == {other[0]: "done"} and store.waiting() == []
    runner.stop_run(stopped[0])  # it has ended
    assert runner.progress().phase == "idle"


def test_named_cells_are_forgotten_and_the_rest_waits_on(own: Settings, store: Store, runner: Runner) -> None:
    asked = cells(own, WAIT, 10, 11, 12)
    first = [x for x in asked if x.seed == WAIT]
    rest = [x for x in asked if x.seed != WAIT]
    runner.submit([*first, *rest])
    until(runner, epochs)
    runner.clear([rest[1], *first, *cells(own, 99)])
    now = runner.progress()
    assert current(now) == first[0], "what is being trained is not forgotten"
    assert now.queue == (rest[0], rest[2]) and now.total == 3
    assert store.waiting() == [first[0], rest[0], rest[2]]
    runner.clear([])
    assert runner.progress().queue == (rest[0], rest[2])


def test_a_viewer_can_do_none_of_that(own: Settings, runner: Runner) -> None:
    viewer = GuardedRunner(runner, own, Owners(), Visitor("v", "viewer", "You may look."))
    (waiting,) = cells(own, WAIT)
    runner.submit([waiting])
    for forbidden in (
        lambda: viewer.submit(cells(own, 10), ahead=True),
        lambda: viewer.stop_run(waiting),
        lambda: viewer.clear([waiting]),
    ):
        with pytest.raises(AccessError, match="You may look"):
            forbidden()
    assert runner.progress().busy == (waiting,)
