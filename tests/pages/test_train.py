from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import streamlit as st
from filelock import FileLock
from streamlit.testing.v1 import AppTest

from core.data import datasets
from core.networks import families
from core.networks.families import FAMILIES
from core.networks.line import Line
from core.recipe import LEAN, MAX_SEED, Initialization, Protocol, Recipe, Schedule
from core.runner.gpu import DRIVER, Card
from core.runner.progress import Progress
from core.runner.runner import Runner
from core.runs import sweep
from core.runs.run import RunState
from core.runs.store import Store
from core.settings import Settings
from core.ui import recipe_more
from tests.fake_training import CRASH, ENOUGH, FAIL, HANG, WAIT
from tests.runs_of import current, epochs

if TYPE_CHECKING:
    from tests.pages.conftest import Bring, Until, Visit

Sentences = Callable[[AppTest], list[str]]
TRAIN = "pages/train.py"


def labels(at: AppTest) -> list[str]:
    return [x.label for x in at.button]


def button(at: AppTest, label: str) -> AppTest:
    """Click a button by its label and return the page after it."""
    (found,) = (x for x in at.button if x.label == label)
    assert not found.disabled
    return found.click().run()


def grid(at: AppTest) -> pd.DataFrame:
    (table,) = at.dataframe
    return table.value


def states(at: AppTest) -> list[str]:
    """Return the words in the grid, row by row."""
    return [str(x) for row in grid(at).filter(like="Seed").to_numpy().tolist() for x in row]


def text(at: AppTest) -> str:
    """Return the sentences of a page: captions, infos and what stands at the bars."""
    bars = [x.proto.text for x in at.get("progress")]
    shown: Sequence[object] = [*(x.value for x in (*at.caption, *at.info, *at.success)), *bars]
    return "\n".join(str(x) for x in shown)


def idle(now: Progress) -> bool:
    return now.phase == "idle"


@pytest.fixture
def waiting(visit: Visit, until: Until) -> AppTest:
    """The page with a run that waits after its first epoch and one queued behind it."""
    at = button(visit(TRAIN, seed=str(WAIT), widths_deep_cnn=["1", "2"]), "Start 2 runs")
    until(epochs)
    return at.run()


def test_one_press_from_a_first_visit_trains_the_articles_smallest_network(
    visit: Visit, until: Until, sentences: Sentences, store: Store
) -> None:
    at = visit(TRAIN)
    assert sentences(at) == []
    assert grid(at).to_dict("records") == [{"Family": "Deep CNN", "Width n": 2, "Seed 0": "○ new"}]
    assert "1 to train. How long it takes is not known before the first run on this device." in text(at)
    button(at, "Start 1 run")
    until(idle)
    at.run()
    assert sentences(at) == []
    assert states(at) == ["✓ 95.83 %"]  # what the fake's twelfth epoch says
    assert "Ready to train on fake device. The last sweep has ended: how each run did stands below." in text(at)
    (run,) = store.runs()
    assert (run.family, run.width, run.parameters, run.state) == ("deep_cnn", 2, 932, "done")
    assert run.recipe.optimizer == "adadelta" and run.recipe.learning_rate == 1.0


def test_a_card_that_cannot_be_used_is_said(
    visit: Visit, until: Until, sentences: Sentences, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_NOTE", "NVIDIA B200 cannot be used.")
    at = visit(TRAIN)
    until(idle)
    at.run()
    assert sentences(at) == []
    assert [x.value for x in at.warning] == ["NVIDIA B200 cannot be used."]


def test_cards_are_shown_as_their_driver_sees_them(
    visit: Visit, sentences: Sentences, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DRIVER, "cards", lambda: (Card("NVIDIA H200", "570.86.15", 10**9, 15 * 10**10, 37),))
    at = visit(TRAIN)
    assert sentences(at) == []
    assert [x.value for x in at.caption if "NVIDIA" in x.value] == [f":material/memory: {DRIVER.cards()[0]}."]


def test_without_a_card_nothing_is_said_of_one(visit: Visit, until: Until, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DRIVER, "cards", tuple)
    at = visit(TRAIN)
    until(idle)
    at.run()
    assert not at.warning and ":material/memory:" not in text(at)


def test_a_finished_cell_is_not_trained_again(visit: Visit, until: Until, store: Store) -> None:
    at = button(visit(TRAIN), "Start 1 run")
    until(idle)
    at.run()
    before = store.runs()
    assert "All of these are trained: see them under Results." in text(at)
    assert [x.disabled for x in at.button if x.key == "start"] == [True]
    at.multiselect(key="widths_deep_cnn").set_value(["2", "4"]).run()
    assert states(at) == ["✓ 95.83 %", "○ new"]
    button(at, "Start 1 run")
    until(idle)
    assert store.runs()[: len(before)] == before and len(store.runs()) == 2


def test_weights_that_made_room_are_told(visit: Visit, store: Store, own: Settings) -> None:
    dataset = datasets.find(own, datasets.EMBEDDED)
    small = Store(own.store, room=100)
    for cell in sweep.cells(dataset, {"mlp": [1]}, [0, 1]):
        counts = {"parameters": 1, "multiply_adds": 1, "train_images": 9, "test_images": 9}
        run = small.begin(cell, **counts, device="a device", versions={})
        small.end(run, RunState.DONE, seconds=1.0, weights=bytes(80))
    said = [x.value for x in visit(TRAIN).caption if "FEATHERWEIGHT_WEIGHTS_MB" in x.value]
    assert len(said) == 1 and said[0].startswith("The weights of 1 run are kept: 0.0 of 1,024 MB")
    assert said[0].endswith("Those of 1 were dropped so far to make room.")


def test_what_it_will_cost_is_known_from_the_first_run_on(visit: Visit, until: Until) -> None:
    at = button(visit(TRAIN), "Start 1 run")
    until(idle)
    at.multiselect(key="widths_deep_cnn").set_value(["2", "4"]).run()
    assert "1 to train, about " in text(at)
    assert "by the 1 runs" not in text(at), "one run is not 1 runs"


def test_the_grid_has_a_row_per_network_and_a_column_per_seed(visit: Visit, sentences: Sentences) -> None:
    at = visit(TRAIN, families=["MLP", "Deep CNN"], widths_mlp=["16", "7"], widths_deep_cnn=["3"], seeds="2", seed="40")
    assert sentences(at) == []
    table = grid(at)
    assert list(table.columns) == ["Family", "Width n", "Seed 40", "Seed 41"]
    assert list(zip(table["Family"], table["Width n"], strict=True)) == [("MLP", 7), ("MLP", 16), ("Deep CNN", 3)]
    assert "Start 6 runs" in labels(at) and "6 to train" in text(at)


def test_a_run_is_seen_while_it_goes_on(waiting: AppTest, sentences: Sentences) -> None:
    at = waiting
    assert sentences(at) == []
    assert states(at) == ["▶ epoch 2 of 12", "… queued"]
    assert "**Deep CNN, n = 1, seed 1** on MNIST, 5,000 digits: epoch 2 of 12" in text(at)
    assert "Sweep: run 1 of 2, 1 waiting" in text(at)
    assert "After epoch 1: test accuracy 50.00 %, test loss 1.000." in text(at)
    accuracy, loss = at.get("vega_lite_chart")
    assert accuracy.proto.alt.startswith("Accuracy per epoch") and loss.proto.alt.startswith("Loss per epoch")
    assert "test accuracy 50.00 %" in accuracy.proto.alt
    assert {"Stop after this epoch", "Stop now", "Clear queue"} <= set(labels(at))
    assert "All of these are trained or on their way." in text(at)


def test_a_second_tab_sees_the_same(waiting: AppTest, visit: Visit, until: Until) -> None:
    other = visit(TRAIN, seed=str(WAIT), widths_deep_cnn=["1", "2"])
    assert states(other) == states(waiting) == ["▶ epoch 2 of 12", "… queued"]
    button(other, "Stop after this epoch")
    until(lambda p: p.phase == "paused")
    assert states(waiting.run()) == states(other.run()) == ["◼ stopped", "… queued"]


def test_what_another_tab_asked_for_is_in_the_grid_too(waiting: AppTest, visit: Visit) -> None:
    other = visit(TRAIN, families="MLP", widths_mlp="16")
    assert [str(x) for x in grid(other)["Family"]] == ["MLP", "Deep CNN", "Deep CNN"]
    assert list(grid(other)["Width n"]) == [16, 1, 2]
    assert "▶ epoch 2 of 12" in states(other)


def test_stop_after_this_epoch_keeps_the_run_and_holds_the_queue(
    waiting: AppTest, until: Until, store: Store, sentences: Sentences
) -> None:
    at = button(waiting, "Stop after this epoch")
    until(lambda p: p.phase == "paused")
    at.run()
    assert sentences(at) == []
    assert states(at) == ["◼ stopped", "… queued"]
    (run,) = store.runs()
    assert (run.state, run.epochs) == ("stopped", 1) and store.weights(run.id)
    assert {"Resume", "Clear queue"} <= set(labels(at)) and "Stop now" not in labels(at)


def test_stop_now_and_resume(waiting: AppTest, until: Until, store: Store, sentences: Sentences) -> None:
    at = button(waiting, "Stop now")
    until(lambda p: p.phase == "paused" and p.ready)
    at.run()
    assert sentences(at) == []
    assert states(at) == ["◼ stopped", "… queued"] and store.weights(store.runs()[0].id) is None
    button(at, "Resume")
    until(lambda p: (cell := current(p)) and cell.width == 2 and epochs(p))
    assert states(at.run()) == ["◼ stopped", "▶ epoch 2 of 12"]
    assert "Start 1 run" in labels(at)  # the stopped one can be asked for again


def test_clear_queue_while_a_run_goes_on(waiting: AppTest, until: Until) -> None:
    at = button(waiting, "Clear queue").run()
    assert states(at) == ["▶ epoch 2 of 12", "○ new"]
    assert "Clear queue" not in labels(at) and "Stop now" in labels(at)


def test_clear_queue_after_a_stop(waiting: AppTest, until: Until) -> None:
    at = button(waiting, "Stop now")
    until(lambda p: p.phase == "paused" and p.ready)
    button(at.run(), "Clear queue")
    until(idle)
    assert states(at.run()) == ["◼ stopped", "○ new"]


def test_one_run_left_waiting_is_not_1_runs(waiting: AppTest, until: Until) -> None:
    at = button(waiting, "Stop now")
    until(lambda p: p.phase == "paused")
    assert "1 runs" not in text(at.run())


def test_a_failed_run_says_why_and_can_be_tried_again(visit: Visit, until: Until, sentences: Sentences) -> None:
    at = button(visit(TRAIN, seed=str(FAIL)), "Start 1 run")
    until(idle)
    at.run()
    assert ["Deep CNN n = 2, seed 4 " in x and x.endswith(" epoch 3.") for x in sentences(at)] == [True]
    assert states(at) == ["✗ failed"] and "Start 1 run" in labels(at)


def test_a_training_process_that_dies_is_a_sentence(visit: Visit, until: Until, sentences: Sentences) -> None:
    at = button(visit(TRAIN, seed=str(CRASH)), "Start 1 run")
    until(lambda p: p.done == 1)
    (sentence,) = sentences(at.run())
    assert sentence.startswith("Deep CNN n = 2, seed 2 ") and "(SIGKILL" in sentence


@pytest.mark.parametrize("typed", ["abc", "0", "-1", "1000000000", "129", "2.5", " ", "²", "9" * 5000])
def test_a_width_that_cannot_be_is_one_sentence(visit: Visit, sentences: Sentences, typed: str) -> None:
    at = visit(TRAIN)
    at.multiselect(key="widths_deep_cnn").set_value(["2", typed]).run()
    (sentence,) = sentences(at)
    assert "'deep_cnn'" in sentence and " 1 to 128." in sentence and repr(typed)[:40] in sentence
    assert len(sentence) < 200
    at.multiselect(key="widths_deep_cnn").set_value(["2", "3"]).run()
    assert sentences(at) == [] and states(at) == ["○ new", "○ new"]


def test_any_width_can_be_typed_and_none_is_trained_twice(visit: Visit) -> None:
    at = visit(TRAIN)
    at.multiselect(key="widths_deep_cnn").set_value(["2", "47", "02"]).run()
    assert list(grid(at)["Width n"]) == [2, 47]


def test_a_running_sweep_stays_in_sight_beside_a_width_that_cannot_be(waiting: AppTest, sentences: Sentences) -> None:
    at = waiting
    at.multiselect(key="widths_deep_cnn").set_value(["abc"]).run()
    assert len(sentences(at)) == 1
    assert "Stop now" in labels(at)


def test_a_running_sweep_stays_in_sight_without_a_family(waiting: AppTest) -> None:
    at = waiting
    at.pills(key="families").set_value([]).run()
    assert "Choose at least one family." in text(at)
    assert "Stop now" in labels(at)


def test_without_a_width_there_is_nothing_to_start(visit: Visit, sentences: Sentences) -> None:
    at = visit(TRAIN)
    at.multiselect(key="widths_deep_cnn").set_value([]).run()
    assert sentences(at) == [] and "Choose at least one width." in text(at)
    assert all(x.disabled for x in at.button)


def test_too_many_cells_are_one_sentence(visit: Visit, sentences: Sentences) -> None:
    at = visit(TRAIN, widths_deep_cnn=[str(x) for x in range(1, 12)], seeds="50")
    (sentence,) = sentences(at)
    assert " 500 cells " in sentence and sentence.endswith(" 550.")


def test_seeds_beyond_the_last_one_are_one_sentence(visit: Visit, sentences: Sentences) -> None:
    at = visit(TRAIN, seed=str(MAX_SEED), seeds="2")
    (sentence,) = sentences(at)
    assert " 2,147,483,646 " in sentence and " 2. " in sentence and sentence.endswith(f" {MAX_SEED}.")


def test_images_too_small_are_one_sentence(visit: Visit, sentences: Sentences, bring: Bring) -> None:
    bring("small", 12, 12)
    (sentence,) = sentences(visit(TRAIN, data="small"))
    assert "12×12" in sentence and "'deep_cnn'" in sentence


def test_colour_images_are_trained_on(
    visit: Visit, sentences: Sentences, until: Until, bring: Bring, store: Store
) -> None:
    bring("colour", 32, 32, 3, classes=7)
    titles = [x.title for x in FAMILIES.values()]
    at = visit(TRAIN, data="colour", families=titles)
    assert sentences(at) == []
    button(at, f"Start {len(FAMILIES)} runs")
    until(idle)
    assert sentences(at.run()) == [] and len(states(at)) == len(FAMILIES)
    assert all(x.startswith("✓") for x in states(at))
    assert {x.dataset for x in store.runs()} == {"colour"}


def test_the_articles_recipe_is_said_per_family(visit: Visit) -> None:
    at = visit(TRAIN, families=["MLP", "CNN"])
    assert "MLP: RMSprop 0.001, 20 epochs" in text(at) and " CNN: Adadelta 1, 12 epochs" in text(at)


def test_an_empty_recipe_or_protocol_in_the_address_is_the_articles(visit: Visit, sentences: Sentences) -> None:
    at = visit(TRAIN, recipe="", protocol="")
    assert [at.segmented_control(key=x).value for x in ("recipe", "protocol")] == ["article", "article"]
    assert not {"recipe", "protocol"} & set(at.query_params), "an address that names no option is corrected"
    assert sentences(at) == [] and f"Deep CNN: {FAMILIES['deep_cnn'].recipe}." in text(at)
    assert not at.toggle and "Start 1 run" in labels(at)


def test_a_recipe_of_ones_own_is_trained_with(visit: Visit, sentences: Sentences, until: Until, store: Store) -> None:
    at = visit(TRAIN, recipe="My own")
    assert at.number_input(key="rate_adadelta").value == 1.0 and at.number_input(key="epochs").value == 12
    at.selectbox(key="optimizer").set_value("sgd").run()
    assert at.number_input(key="rate_sgd").value == 0.01
    at.number_input(key="rate_sgd").set_value(0.25).run()
    at.number_input(key="epochs").set_value(3).run()
    at.number_input(key="batch").set_value(32).run()
    at.toggle(key="dropout").set_value(True).run()
    assert sentences(at) == []
    button(at, "Start 1 run")
    until(idle)
    (run,) = store.runs()
    assert run.recipe == Recipe("sgd", 0.25, 3, 32, dropout=True, precision="float32", protocol=Protocol.ARTICLE)
    assert run.epochs == 3 and run.parameters == 932


def test_a_held_out_run_shows_held_out_figures_and_ends_with_the_test_accuracy(
    visit: Visit, until: Until, sentences: Sentences, store: Store
) -> None:
    at = visit(TRAIN, protocol="Held-out", seed=str(WAIT))
    assert at.segmented_control(key="protocol").value == "held_out"
    at = button(at, "Start 1 run")
    until(epochs)
    at.run()
    assert sentences(at) == []
    assert [x.startswith("▶") and " 2 of 12, " in x and x.endswith(" held-out 25.00 %") for x in states(at)] == [True]
    assert "held-out accuracy 25.00 %" in text(at) and "held-out loss 2.000." in text(at)
    assert "test accuracy" not in text(at)
    for chart in at.get("vega_lite_chart"):
        assert json.loads(chart.proto.spec)["encoding"]["color"]["scale"]["domain"] == ["training", "held-out"]
    button(at, "Stop now")
    until(idle)
    assert states(at.run()) == ["◼ stopped"] and store.runs()[0].test_accuracy is None
    at.number_input(key="seed").set_value(ENOUGH).run()
    button(at, "Start 1 run")
    until(idle)
    at.run()
    assert sentences(at) == [] and states(at) == ["✓ 95.83 %"]
    assert store.runs()[-1].recipe.protocol is Protocol.HELD_OUT


def test_another_protocol_is_another_run_of_either_recipe(
    visit: Visit, until: Until, sentences: Sentences, store: Store
) -> None:
    at = button(visit(TRAIN), "Start 1 run")
    until(idle)
    at.run()
    at.segmented_control(key="protocol").set_value("held_out").run()
    assert states(at) == ["○ new"] and "1 to train, about " in text(at)
    button(at, "Start 1 run")
    until(idle)
    at.run()
    at.segmented_control(key="recipe").set_value("own").run()
    assert states(at) == ["✓ 95.83 %"], "the same recipe, spelt out"
    at.number_input(key="epochs").set_value(4).run()
    button(at, "Start 1 run")
    until(idle)
    recipes = [(x.recipe.protocol, x.recipe.epochs) for x in store.runs()]
    assert [x == (Protocol.HELD_OUT, 4) for x in recipes] == [False, False, True]
    assert sentences(at.run()) == [] and states(at) == ["✓ 87.50 %"]


def test_the_updates_of_a_held_out_run_are_counted_without_its_held_out_images(visit: Visit) -> None:
    assert "With 4,000 images instead of MNIST’s 60,000 that is 7 % of the updates." in text(visit(TRAIN))
    held_out = visit(TRAIN, protocol="Held-out")
    assert " 3,333 images " in text(held_out) and " 6 % " in text(held_out)


def test_the_first_family_says_where_ones_own_recipe_starts(visit: Visit) -> None:
    at = visit(TRAIN, recipe="My own", families="MLP")
    assert at.selectbox(key="optimizer").value == "rmsprop" and at.number_input(key="epochs").value == 20


def test_a_link_opens_the_same_sweep(visit: Visit, sentences: Sentences) -> None:
    query = {"recipe": "My own", "optimizer": "SGD", "rate_sgd": "0.5", "epochs": "4", "batch": "16", "dropout": "true"}
    at = visit(TRAIN, families=["MLP", "CNN"], widths_mlp="9", widths_cnn=["3", "5"], seeds="3", seed="7", **query)
    assert sentences(at) == []
    assert "Start 9 runs" in labels(at)
    assert at.selectbox(key="optimizer").value == "sgd" and at.number_input(key="rate_sgd").value == 0.5
    assert (at.number_input(key="epochs").value, at.number_input(key="batch").value) == (4, 16)
    assert at.toggle(key="dropout").value


def test_the_address_says_keys_and_leaves_out_what_is_usual(visit: Visit, sentences: Sentences) -> None:
    at = visit(TRAIN)
    assert not at.query_params
    at.pills(key="families").set_value(["mlp", "deep_cnn"]).run()
    at.segmented_control(key="recipe").set_value("own").run()
    at.segmented_control(key="protocol").set_value("held_out").run()
    at.selectbox(key="optimizer").set_value("sgd").run()
    assert sentences(at) == []
    said = {"families": ["mlp", "deep_cnn"], "recipe": "own", "protocol": "held_out", "optimizer": "sgd"}
    assert at.query_params == said
    assert grid(visit(TRAIN, **at.query_params)).equals(grid(at)), "the address opens the same sweep"
    at.segmented_control(key="protocol").set_value("article").run()
    assert "protocol" not in at.query_params


def test_an_address_with_titles_becomes_one_with_keys(visit: Visit, sentences: Sentences) -> None:
    titles = {"families": ["MLP", "Deep CNN"], "recipe": "My own", "protocol": "Held-out", "optimizer": "SGD"}
    at = visit(TRAIN, data="MNIST, 5,000 digits", **titles)
    keys = {"families": ["mlp", "deep_cnn"], "recipe": "own", "protocol": "held_out", "optimizer": "sgd"}
    assert sentences(at) == [] and at.query_params == keys | {"data": "mnist_5k"}


@pytest.mark.parametrize("nonsense", ["", "zzz", "-1", "0", "NaN", "null", "[]", "<b>", "\x00"])
@pytest.mark.parametrize("recipe", ["My own", None])
def test_nonsense_in_the_address_never_breaks_the_page(
    visit: Visit, sentences: Sentences, nonsense: str, recipe: str | None
) -> None:
    rates = ("rate_adadelta", "rate_rmsprop", "rate_adam", "rate_adamw", "rate_sgd")
    names = (
        "families",
        "data",
        "seeds",
        "seed",
        "recipe",
        "protocol",
        "optimizer",
        *rates,
        "epochs",
        "batch",
        "dropout",
        *recipe_more.NAMES,
        "unknown",
    )
    at = visit(TRAIN, **dict.fromkeys(names, nonsense) | ({"recipe": recipe} if recipe else {}))
    assert sentences(at) == []
    assert ("Start 1 run" in labels(at)) == bool(at.pills(key="families").value)
    assert len(at.warning) == bool(nonsense)  # no image set is called so
    assert len(at.info) == ("Start 1 run" not in labels(at))


def test_an_infinite_number_in_the_address_is_one_sentence(visit: Visit, sentences: Sentences) -> None:
    at = visit(TRAIN, seeds="1e999")
    assert len(sentences(at)) == 1 and not at.number_input
    assert [x.proto.page for x in at.get("page_link")].count("train") == 2, "in the frame and below the sentence"


@pytest.mark.parametrize("nonsense", ["zzz", "-1", "0", "1e999", "<b>", "\x00"])
def test_nonsense_among_the_widths_of_an_address_is_one_sentence(
    visit: Visit, sentences: Sentences, nonsense: str
) -> None:
    (sentence,) = sentences(visit(TRAIN, widths_deep_cnn=["2", nonsense]))
    assert "'deep_cnn'" in sentence and " 1 to 128." in sentence


def test_no_number_can_leave_the_sane_bounds(visit: Visit) -> None:
    at = visit(TRAIN, recipe="My own")
    bounds = {x.key: (x.min, x.max) for x in at.number_input}
    assert bounds == {
        "seeds": (1, 50),
        "seed": (0, MAX_SEED),
        "rate_adadelta": (1e-6, 10.0),
        "epochs": (1, 1000),
        "batch": (1, 4096),
        "clip": (0, 1000),
        "label_smoothing": (0, 0.5),
        "shift": (0, 2),
    }
    at = visit(TRAIN, recipe="own", optimizer="adamw", schedule="cosine")
    bounds = {x.key: (x.min, x.max) for x in at.number_input}
    assert bounds["warmup"] == (0, 0.5) and bounds["weight_decay"] == (0, 1)
    assert bounds["beta2"] == (1e-6, 1 - 1e-6)


EVERYTHING = {
    "recipe": "own", "optimizer": "adamw", "rate_adamw": "0.02", "epochs": "3", "batch": "32", "schedule": "cosine",
    "warmup": "0.1", "beta2": "0.99", "weight_decay": "0.01", "clip": "0.5", "label_smoothing": "0.1", "shift": "1",
    "initialization": "he",
}  # fmt: skip


def more(at: AppTest) -> set[str]:
    """Return the names of the controls beyond the first row that are drawn."""
    drawn = {x.key for x in (*at.number_input, *at.selectbox)}
    return {str(x) for x in drawn if x in recipe_more.NAMES}


def test_a_link_with_everything_of_a_recipe_trains_by_it(
    visit: Visit, sentences: Sentences, until: Until, store: Store
) -> None:
    at = visit(TRAIN, **EVERYTHING)
    assert sentences(at) == [] and more(at) == set(recipe_more.NAMES)
    button(at, "Start 1 run")
    until(idle)
    (run,) = store.runs()
    assert run.recipe == Recipe(
        "adamw", 0.02, 3, 32, schedule=Schedule.COSINE, warmup=0.1, beta2=0.99, weight_decay=0.01, clip=0.5,
        label_smoothing=0.1, shift=1, initialization=Initialization.HE,
    )  # fmt: skip
    again = visit(TRAIN, **at.query_params)
    assert again.query_params == at.query_params and states(again) == ["✓ 83.33 %"], "the address opens the same recipe"


def test_only_what_applies_is_asked(visit: Visit, sentences: Sentences, until: Until, store: Store) -> None:
    always = {"schedule", "clip", "label_smoothing", "shift", "initialization"}
    at = visit(TRAIN, recipe="own")
    assert more(at) == always
    at.selectbox(key="optimizer").set_value("adam").run()
    assert more(at) == always | {"beta2"} and at.number_input(key="beta2").value == 0.999
    at.selectbox(key="optimizer").set_value("adamw").run()
    assert more(at) == always | {"beta2", "weight_decay"} and at.number_input(key="weight_decay").value == 0.004
    at.selectbox(key="schedule").set_value("cosine").run()
    assert more(at) == set(recipe_more.NAMES)
    at.number_input(key="warmup").set_value(0.2).run()
    at.number_input(key="weight_decay").set_value(0.5).run()
    at.number_input(key="beta2").set_value(0.9).run()
    at.number_input(key="clip").set_value(0.25).run()
    at.selectbox(key="schedule").set_value("step").run()
    at.selectbox(key="optimizer").set_value("sgd").run()
    assert sentences(at) == [] and more(at) == always
    button(at, "Start 1 run")
    until(idle)
    assert store.runs()[0].recipe == Recipe("sgd", 0.01, 12, schedule=Schedule.STEP, clip=0.25)


def test_ones_own_recipe_starts_from_all_of_the_familys(
    visit: Visit, sentences: Sentences, until: Until, store: Store
) -> None:
    line = "conv3(n, same, leaky) maxpool2 flatten"
    store.families.add(families.own("slim", "Slim", Line.of(line), recipe=replace(LEAN, epochs=2)))
    at = button(visit(TRAIN, families="slim", widths_slim="2"), "Start 1 run")
    until(idle)
    at.run()
    at.segmented_control(key="recipe").set_value("own").run()
    assert sentences(at) == [] and states(at) == ["✓ 75.00 %"], "the same recipe, spelt out"
    assert at.number_input(key="warmup").value == 0.1 and at.selectbox(key="initialization").value == "he"
    at.selectbox(key="optimizer").set_value("sgd").run()
    assert sentences(at) == [] and states(at) == ["○ new"]


def test_what_was_typed_just_before_the_start_is_what_starts(visit: Visit, sentences: Sentences, until: Until) -> None:
    at = visit(TRAIN, recipe="own", seed=str(WAIT))
    at.number_input(key="epochs").set_value(7)  # and no run of the page before the button is pressed
    button(at, "Start 1 run")
    cell = current(until(epochs))
    assert sentences(at.run()) == [] and cell and cell.recipe.epochs == 7
    assert until(epochs).total == 1, "pressed once, started once"


def test_where_another_process_trains_the_pages_still_work(
    visit: Visit, sentences: Sentences, own: Settings, until: Until
) -> None:
    lock = FileLock(own.home / "runner.lock", blocking=False)
    with lock:
        at = visit(TRAIN)
        assert sentences(at) == []
        (warning,) = at.warning
        assert f" {own.home}." in warning.value
        assert [x.disabled for x in at.button if x.key == "start"] == [True]
        assert states(at) == ["○ new"]
        assert sentences(visit()) == [] and visit().dataframe
        results = visit("pages/results.py")
        assert sentences(results) == [] and [x.disabled for x in results.button] == [True]
    at.run()  # the other one is gone
    assert not at.warning
    button(at, "Start 1 run")
    until(idle)


def test_closing_a_tab_changes_nothing_about_the_training(waiting: AppTest, visit: Visit, until: Until) -> None:
    del waiting
    at = visit(TRAIN, seed=str(WAIT), widths_deep_cnn=["1", "2"])
    assert states(at) == ["▶ epoch 2 of 12", "… queued"]
    button(at, "Stop after this epoch")
    until(lambda p: p.phase == "paused")


def test_a_hanging_run_is_ended_by_stop_now(visit: Visit, until: Until) -> None:
    at = button(visit(TRAIN, seed=str(HANG)), "Start 1 run")
    until(epochs)
    button(at.run(), "Stop now")
    until(idle)
    assert states(at.run()) == ["◼ stopped"]


def test_more_can_be_asked_for_while_a_run_goes_on(waiting: AppTest, until: Until) -> None:
    at = waiting
    at.number_input(key="seed").set_value(ENOUGH).run()
    at.multiselect(key="widths_deep_cnn").set_value(["4"]).run()
    button(at, "Start 1 run")
    now = until(lambda p: len(p.queue) == 2)
    assert [(x.width, x.seed) for x in now.queue] == [(2, WAIT), (4, ENOUGH)] and now.total == 3


def test_a_browser_that_clears_streamlits_caches_takes_the_runner_from_nobody(
    visit: Visit, sentences: Sentences, runners: list[Runner], until: Until
) -> None:
    visit(TRAIN)
    until(lambda p: p.ready)
    st.cache_resource.clear()  # as the server does for any browser that asks
    at = visit(TRAIN)
    assert sentences(at) == [] and not at.warning
    assert len(runners) == 1 and "Start 1 run" in labels(at)
