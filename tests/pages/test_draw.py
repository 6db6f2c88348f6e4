from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data import datasets
from core.networks.families import FAMILIES
from core.runs import sweep
from core.runs.run import Epoch, RunState
from core.runs.store import Store
from core.settings import Settings

if TYPE_CHECKING:
    from tests.pages.conftest import Bring, Visit

Sentences = Callable[[AppTest], list[str]]
Train = Callable[..., None]
DRAW = "pages/draw.py"
DIGIT, IMAGE = "Give me a test digit", "Give me a test image"


@pytest.fixture
def trained(own: Settings, store: Store) -> Train:
    """Return a function that records a run with weights: ``trained("mnist_5k", "mlp", 2)``."""

    def record(name: str, family: str, width: int, weights: bytes | None = None, kept: bool = True) -> None:
        data = datasets.find(own, name)
        network = FAMILIES[family].build(width, data.facts.input_shape, data.facts.classes)
        file = io.BytesIO()
        zeros = {str(i): np.zeros(x, np.float32) for i, x in enumerate(network.weight_shapes)}
        np.savez(file, allow_pickle=False, **zeros)
        [cell] = sweep.cells(data, {family: [width]}, [0])
        counts = {"parameters": network.parameters, "multiply_adds": 1, "train_images": 9, "test_images": 9}
        run = store.begin(cell, **counts, device="a device", versions={})
        store.add_epoch(run, Epoch(1, 0.1, 0.9, 0.1, 0.9, 1.0))
        store.end(run, RunState.DONE, seconds=1.0, weights=(weights or file.getvalue()) if kept else None)

    return record


def button(at: AppTest, label: str) -> Any:
    return next(x for x in at.button if x.label == label)


def texts(at: AppTest) -> list[str]:
    return [str(x.value) for x in (*at.markdown, *at.caption, *at.info)]


def component(at: AppTest, key: str) -> dict[str, Any]:
    """Return what a component is sent."""
    found = [x.proto for x in at.get("bidi_component") if f"-{key}" in x.proto.id]
    assert len(found) == 1, key
    sent: dict[str, Any] = json.loads(found[0].mixed.json if found[0].HasField("mixed") else found[0].json)
    return sent


def test_a_fresh_install_can_draw(visit: Visit, shipped: Store, sentences: Sentences) -> None:
    at = visit(DRAW)
    assert sentences(at) == []
    assert at.selectbox(key="data").value == "mnist"
    assert any(x.startswith("Draw a digit, or take one of the test images.") for x in texts(at))
    sent = component(at, "pad_mnist")
    assert sent["draw"] is True and sent["side"] == 140 and sent["picture"] is None and sent["strokes"] == []


def test_a_test_digit_is_answered_by_every_shipped_network(visit: Visit, shipped: Store, sentences: Sentences) -> None:
    at = visit(DRAW)
    right = 0
    for _ in range(5):
        button(at, DIGIT).click().run()
        assert sentences(at) == []
        label = next(x for x in texts(at) if "Its label: **" in x).split("**")[1]
        sent = component(at, "bars_mnist")
        assert [x["weights"].split()[0] for x in sent["rows"]] == [
                "329", "477", "746", "845", "932", "1,582", "4,802", "17,418", "26,506",
            ]  # fmt: skip
        assert sent["truth"] == int(label) and sent["labels"] == list("0123456789")
        for row in sent["rows"]:
            assert row["right"] == (row["choice"] == label) and abs(sum(row["shares"]) - 1) < 0.01
            assert row["words"].startswith(f"{row['choice']} {row['sure']}, ")
            right += row["right"]
        assert component(at, "pad_mnist")["picture"]["height"] == 28
        assert not at.get("button_group"), "nobody is asked what is known"
    assert right >= 36
    assert any("MNIST, 5,000 digits" in x for x in texts(at))


def test_other_networks_are_accounted_for(visit: Visit, shipped: Store) -> None:
    at = visit(DRAW)
    button(at, DIGIT).click().run()
    trained = len({(x.family, x.width, x.recipe) for x in shipped.runs("mnist")})
    assert f"9 of the {trained} networks trained on MNIST answer: of the others no weights are kept." in texts(at)


def test_fashion_like_sets_have_test_images_in_place_of_the_pad(
    visit: Visit, bring: Bring, trained: Train, sentences: Sentences
) -> None:
    bring("fashion_mnist", 28, 28)
    trained("fashion_mnist", "mlp", 2)
    at = visit(DRAW, data="Fashion-MNIST")
    assert component(at, "pad_fashion_mnist")["draw"] is False
    assert any("Fashion-MNIST offers its test images in their place" in x for x in texts(at))
    button(at, IMAGE).click().run()
    assert sentences(at) == []
    [row] = component(at, "bars_fashion_mnist")["rows"]
    assert row["choice"] == "T-shirt/top"


def test_a_set_of_another_shape_too(visit: Visit, bring: Bring, trained: Train, sentences: Sentences) -> None:
    bring("mine", 32, 40, 3, classes=4)
    trained("mine", "deep_cnn", 1)
    at = visit(DRAW, data="mine")
    assert any("28×28" in x and "mine" in x for x in texts(at))
    button(at, IMAGE).click().run()
    assert sentences(at) == []
    picture = component(at, "pad_mine")["picture"]
    assert (picture["height"], picture["width"], picture["channels"]) == (32, 40, 3)
    assert len(component(at, "bars_mine")["rows"][0]["shares"]) == 4


def test_classes_are_called_by_their_names(visit: Visit, bring: Bring, trained: Train, sentences: Sentences) -> None:
    names = ["$a$ tissue", "non-small cell carcinoma"]
    bring("mine", 28, 28, classes=2, class_names=np.array(names))
    trained("mine", "mlp", 2)
    at = visit(DRAW, data="mine")
    button(at, IMAGE).click().run()
    assert sentences(at) == []
    sent = component(at, "bars_mine")
    assert sent["labels"] == names and sent["rows"][0]["choice"] == names[0]
    assert all(x in sent["rows"][0]["words"] for x in names)
    assert not [x for x in texts(at) if "$a$" in x], "a name is no markup"


def test_runs_on_contents_of_before_are_told(visit: Visit, bring: Bring, trained: Train, sentences: Sentences) -> None:
    os.utime(bring("mine", 28, 28), ns=(1, 1))
    trained("mine", "mlp", 2)
    bring("mine", 28, 28, classes=7)
    at = visit(DRAW, data="mine")
    assert sentences(at) == [] and "1 finished run on mine" in at.warning[0].value and not at.info
    trained("mine", "mlp", 2)
    at = visit(DRAW, data="mine")
    assert not at.warning and any("1 finished run on mine is left out" in x for x in texts(at))


@pytest.mark.parametrize("first", ["app.py", DRAW])
def test_a_set_whose_name_is_that_of_the_width_is_drawn_like_any(
    visit: Visit, bring: Bring, trained: Train, sentences: Sentences, first: str
) -> None:
    bring("n", 28, 28)
    trained("n", "mlp", 2)
    at = visit(first, data="n", n="0")  # the session remembers why the width cannot be
    assert sentences(at) == []
    at = at.switch_page(DRAW if first == "app.py" else "app.py").run()
    assert sentences(at) == [] and at.selectbox(key="data").value == "n"
    at = at.switch_page(DRAW).run()
    button(at, IMAGE).click().run()
    assert sentences(at) == [] and component(at, "pad_n")["picture"]["height"] == 28


@pytest.mark.parametrize(("runs", "said"), [(0, "No network has been trained on"), (1, "The weights of none of the 1")])
def test_without_weights_one_sentence_says_so(
    visit: Visit, trained: Train, sentences: Sentences, runs: int, said: str
) -> None:
    if runs:
        trained(datasets.EMBEDDED, "mlp", 2, kept=False)
    at = visit(DRAW)
    assert sentences(at) == []
    assert [x for x in texts(at) if said in x]
    assert not [x for x in at.get("bidi_component") if "-pad_" in x.proto.id]


@pytest.mark.usefixtures("without_reference")
def test_without_reference_results_own_networks_answer(visit: Visit, trained: Train, sentences: Sentences) -> None:
    trained(datasets.EMBEDDED, "mlp", 2)
    at = visit(DRAW)
    [said] = sentences(at)
    assert said.startswith("The reference results ") and "are missing" in said
    button(at, DIGIT).click().run()
    assert len(component(at, "bars_mnist_5k")["rows"]) == 1


def test_damaged_weights_are_one_sentence(visit: Visit, trained: Train, sentences: Sentences) -> None:
    trained(datasets.EMBEDDED, "mlp", 2, weights=b"no zip")
    trained(datasets.EMBEDDED, "mlp", 4)
    at = visit(DRAW)
    assert [x.partition(": ")[0] for x in sentences(at)] == ["MLP, n = 2"]
    button(at, DIGIT).click().run()
    assert len(component(at, "bars_mnist_5k")["rows"]) == 1


def test_a_test_file_that_goes_away_is_one_sentence(
    visit: Visit, bring: Bring, trained: Train, sentences: Sentences, own: Settings
) -> None:
    path: Path = bring("mine", 28, 28)
    trained("mine", "mlp", 2)
    at = visit(DRAW, data="mine")
    path.write_bytes(b"no zip")
    button(at, IMAGE).click().run()
    assert len(sentences(at)) == 1 and "mine.npz" in sentences(at)[0]


def test_own_networks_on_other_digits_answer_too_named_with_their_set(
    visit: Visit, shipped: Store, trained: Train, sentences: Sentences
) -> None:
    trained(datasets.EMBEDDED, "mlp", 2)
    at = visit(DRAW)
    assert at.selectbox(key="data").value == "mnist", "a first run does not displace the reference"
    button(at, DIGIT).click().run()
    assert sentences(at) == []
    rows = component(at, "bars_mnist")["rows"]
    assert len(rows) == 10 and sum("MNIST, 5,000 digits" in json.dumps(x) for x in rows) == 1


@pytest.mark.parametrize("image", ["test", "drawing"])
def test_the_way_to_inspect_carries_the_set_and_the_image(
    visit: Visit, shipped: Store, sentences: Sentences, image: str
) -> None:
    at = visit(DRAW)
    if image == "test":
        button(at, DIGIT).click().run()
    else:
        at.session_state["shown_mnist"] = np.eye(28)[:, :, None]  # as the pad leaves it
        at.run()
    assert sentences(at) == []
    (link,) = [x.proto for x in at.get("page_link") if "view=maps" in x.proto.query_string]
    words = dict(parse_qsl(link.query_string))
    assert {**words, "image": ""} == {"data": "mnist", "view": "maps", "image": ""} | (
        {"source": "drawing"} if image == "drawing" else {}
    )
    at.query_params.clear()
    at.query_params.update(words)
    at.switch_page("pages/inspect.py").run()
    assert sentences(at) == []
    (first, *_) = [y.alt for x in at.get("image") for y in x.proto.imgs]
    assert first == "the drawn digit" if image == "drawing" else first.startswith(f"test image {words['image']}, ")
