from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from core.access import Visitor
from core.data import datasets
from core.errors import AccessError, LimitError
from core.limits import SHARED, Limits
from core.recipe import Recipe
from core.runner.guarded import GuardedRunner, Owners
from core.runner.local import LocalBackend
from core.runner.runner import Runner
from core.runs import sweep
from core.runs.run import Cell
from core.runs.store import Store
from core.settings import Settings
from tests.fake_training import ENOUGH, WAIT
from tests.runner import test_runner
from tests.runner.test_runner import FAKE, cells, until
from tests.runs_of import current, epochs

own, store, runner = test_runner.own, test_runner.store, test_runner.runner  # the same fixtures

VIEWER = Visitor("session v", "viewer", "You may look.")
ANN = Visitor("account ann@example.org", "account")
BEN = Visitor("session b", "key")
AT_HOME = Visitor("session h", "local")
Guards = Callable[..., GuardedRunner]


@pytest.fixture
def guard(own: Settings, runner: Runner) -> Guards:
    """Return a function that gives a visitor's guard: ``guard(ANN, waiting=3)``."""
    return guards(own, runner)


def guards(own: Settings, runner: Runner) -> Guards:
    owners = Owners()

    def make(who: Visitor, **limits: int) -> GuardedRunner:
        return GuardedRunner(runner, replace(own, limits=Limits(**limits)), owners, who)

    return make


@contextmanager
def next_start(own: Settings, store: Store, left: Sequence[Cell]) -> Iterator[tuple[Runner, Guards]]:
    """Start as after a process that was killed with these cells waiting."""
    store.keep_waiting(left)
    runner = Runner(own, store, LocalBackend(own.log, FAKE))
    try:
        yield runner, guards(own, runner)
    finally:
        runner.close()


def test_a_viewer_may_look_and_nothing_else(own: Settings, runner: Runner, store: Store, guard: Guards) -> None:
    runner.submit(cells(own, WAIT, ENOUGH))
    now = until(runner, lambda p: epochs(p))
    at = guard(VIEWER)
    assert at.progress() == now
    told = (at.stop_after_epoch, at.stop_now, at.resume, at.clear, at.resume_left, at.forget_left)
    for action in (*told, lambda: at.submit(cells(own, 7))):
        with pytest.raises(AccessError, match=r"^You may look\.$"):
            action()
    assert at.refusal(cells(own, 7)) == "You may look."
    assert runner.progress() == now and store.runs_of(cells(own, 7)) == {}


def test_whatever_the_runner_can_be_told_the_door_asks_who_tells_it() -> None:
    free = {"progress", "wait", "close"}  # to look, and to end the process, which no page does
    told = {name for name in vars(Runner) if not name.startswith("_")} - free
    assert told <= set(vars(GuardedRunner)), "a way past the guard"


@pytest.mark.parametrize("who", [ANN, BEN, AT_HOME])
def test_a_runner_trains_stops_and_clears(own: Settings, runner: Runner, guard: Guards, who: Visitor) -> None:
    at = guard(who)
    assert at.refusal(cells(own, WAIT, ENOUGH)) is None
    assert at.submit(cells(own, WAIT, ENOUGH)) == 2
    until(runner, lambda p: epochs(p))
    at.stop_after_epoch()
    now = until(runner, lambda p: p.phase == "paused")
    assert now.queue == tuple(cells(own, ENOUGH))
    at.submit(cells(own, WAIT))
    at.clear()
    at.resume()
    assert at.progress().queue == ()
    until(runner, lambda p: p.phase == "training" or p.phase == "idle")
    at.stop_now()
    until(runner, lambda p: p.phase == "idle")


def test_what_waits_is_counted_by_who_asked(own: Settings, runner: Runner, guard: Guards) -> None:
    ann, ben = guard(ANN, waiting=2), guard(BEN, waiting=2)
    ann.submit(cells(own, WAIT, ENOUGH))
    until(runner, lambda p: epochs(p))
    with pytest.raises(LimitError, match="Received: 1, and 2 runs of yours on the way already"):
        ann.submit(cells(own, 7))
    assert ann.submit(cells(own, WAIT, ENOUGH)) == 0  # asking again for what waits asks for nothing
    assert ben.submit(cells(own, ENOUGH, 7)) == 1  # and what another asked for is not counted twice
    assert ben.refusal(cells(own, 8)) is None
    assert ben.refusal(cells(own, 8, 9)) is not None
    assert guard(ANN, waiting=2).refusal(cells(own, 10)) is not None  # the page drawn anew is no new account
    runner.clear()
    runner.stop_now()
    until(runner, lambda p: p.phase == "idle")
    assert ann.refusal(cells(own, 8, 9)) is None  # what has ended no longer counts


def test_the_whole_queue_is_bounded_over_all_sessions(own: Settings, runner: Runner, guard: Guards) -> None:
    for number in range(3):
        guard(replace(BEN, name=f"session {number}"), queue=3).submit(cells(own, WAIT, width=number + 1))
    fourth = guard(replace(BEN, name="session 4"), queue=3)
    with pytest.raises(LimitError, match=r" 3 .*\(FEATHERWEIGHT_MAX_QUEUE\).* 1, .* 3 "):
        fourth.submit(cells(own, WAIT, width=9))


def test_many_at_once_do_not_slip_past_the_cap(own: Settings, runner: Runner, guard: Guards) -> None:
    refused: list[str] = []
    together = threading.Barrier(8)

    def ask(width: int) -> None:
        at = guard(BEN, waiting=3)
        together.wait(timeout=30)
        try:
            at.submit(cells(own, WAIT, width=width))
        except LimitError as e:
            refused.append(str(e))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    now = runner.progress()
    assert len(refused) == 5 and len(now.queue) + bool(current(now)) == 3


def test_a_network_too_large_and_a_run_too_long_are_refused(own: Settings, store: Store, guard: Guards) -> None:
    asked = cells(own, ENOUGH, width=3)
    parameters = 8 * 8 * 3 + 3 + 3 * 3 + 3 + 3 * 10 + 10
    assert guard(AT_HOME, weights=parameters, epochs=3).refusal(asked) is None
    said = guard(AT_HOME, weights=parameters - 1).refusal(asked)
    assert said and "(FEATHERWEIGHT_MAX_WEIGHTS)" in said and said.endswith(f" {parameters}.")
    with pytest.raises(LimitError, match=r" 2 .*\(FEATHERWEIGHT_MAX_EPOCHS\).* 3\.$"):
        guard(AT_HOME, epochs=2).submit(asked)
    assert store.runs() == []


def test_what_was_left_behind_is_held_to_the_limits_and_is_whose_who_resumes_it(own: Settings, store: Store) -> None:
    with next_start(own, store, cells(own, WAIT, ENOUGH)) as (runner, guard):
        for limits, name, received in (
            ({"epochs": 2}, "EPOCHS", 3),
            ({"weights": 9}, "WEIGHTS", 166),
            ({"queue": 1}, "QUEUE", 2),
        ):
            with pytest.raises(LimitError, match=rf"\(FEATHERWEIGHT_MAX_{name}\).* {received}\b"):
                guard(ANN, **limits).resume_left()
        assert runner.progress().queue == () and current(runner.progress()) is None
        at = guard(ANN, waiting=2)
        at.resume_left()
        until(runner, lambda p: epochs(p))
        assert at.refusal(cells(own, 7)), "what was resumed counts"


def test_what_two_visitors_left_behind_one_may_resume(
    own: Settings, store: Store, runner: Runner, guard: Guards
) -> None:
    ann, ben = (guard(x, cells=2, waiting=2) for x in (ANN, BEN))
    ann.submit(cells(own, WAIT, 6))
    ben.submit(cells(own, 7, 8))
    until(runner, lambda p: epochs(p))
    everything = store.waiting()
    assert len(everything) == 4
    runner.close()
    with next_start(own, store, everything) as (runner, guard):
        ann = guard(ANN, cells=2, waiting=2)
        assert ann.refusal(everything), "to ask for as much anew is more than one may"
        assert ann.refusal_left() is None and guard(VIEWER).refusal_left() == "You may look."
        ann.resume_left()
        now = until(runner, lambda p: current(p))
        assert [current(now), *now.queue] == everything and now.left == ()


def test_at_home_only_what_is_set_holds_and_elsewhere_the_usual(own: Settings, guard: Guards) -> None:
    assert guard(AT_HOME).limits == Limits() and guard(AT_HOME, cells=1).limits == Limits(cells=1)
    assert guard(BEN).limits == SHARED and guard(Visitor("o", "open")).limits == SHARED
    long = sweep.cells(datasets.find(own, "tiny"), {"mlp": [1]}, [0], Recipe("sgd", 0.1, 1000))
    assert guard(AT_HOME).refusal(long) is None
    assert "FEATHERWEIGHT_MAX_EPOCHS" in (guard(BEN).refusal(long) or "")


def test_the_place_in_the_queue_is_known(own: Settings, runner: Runner, guard: Guards) -> None:
    ann, ben = guard(ANN), guard(BEN)
    assert ann.ahead() == ben.ahead() == 0
    ann.submit(cells(own, WAIT, 6, 7))
    until(runner, lambda p: epochs(p))
    ben.submit(cells(own, 8, 9))
    ann.submit(cells(own, 10))
    assert (ann.ahead(), ben.ahead(), guard(VIEWER).ahead()) == (0, 3, 0)
    ann.stop_after_epoch()
    until(runner, lambda p: p.phase == "paused")
    assert (ann.ahead(), ben.ahead()) == (0, 2)
