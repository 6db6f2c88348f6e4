from __future__ import annotations

import io
import itertools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data import datasets
from core.networks.families import FAMILIES, family
from core.runs.run import Cell, Epoch, RunState
from core.runs.store import Store
from core.settings import Settings

if TYPE_CHECKING:
    from tests.pages.conftest import Bring, Visit

Sentences = Callable[[AppTest], list[str]]
Train = Callable[..., int]
INSPECT = "pages/inspect.py"
SMALLEST = "Tied CNN, n = 7: 329 weights, seed 10, reference"
DEEP = "Deep CNN, n = 2: 932 weights, seed 0, reference"
LARGER = "MLP, n = 32: 26,506 weights, seed 0, reference"


STOPPED = "Deep CNN, n = 2: 932 weights, seed 0, stopped after 1 of 12 epochs"


def npz(arrays: list[Any]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **{str(i): x for i, x in enumerate(arrays)})
    return file.getvalue()


@pytest.fixture
def trained(own: Settings, store: Store) -> Train:
    """Return a function that records a run of the embedded digits: ``trained("mlp", 16, weights=None)``."""

    def record(
        key: str, width: int, weights: bytes | str | None = "random", seed: int = 0, state: RunState = RunState.DONE
    ) -> int:
        dataset = datasets.find(own, "mnist_5k")
        network = family(key).build(width)
        run = store.begin(
            Cell("mnist_5k", dataset.facts.fingerprint, key, width, FAMILIES[key].recipe, seed),
            parameters=network.parameters,
            multiply_adds=network.multiply_adds,
            train_images=4000,
            test_images=1000,
            device="a device",
            versions={},
        )
        store.add_epoch(run, Epoch(1, 0.2, 0.9, 0.1, 0.95, 1.5))
        if isinstance(weights, str):
            made = np.random.default_rng((width, seed))
            weights = npz([made.normal(size=x).astype(np.float32) for x in network.weight_shapes])
        store.end(run, state, seconds=2.5, weights=weights)
        return run

    return record


def alts(at: AppTest, kind: str = "vega_lite_chart") -> list[str]:
    return [x.proto.alt for x in at.get(kind)]


def pictures(at: AppTest) -> list[str]:
    return [y.alt for x in at.get("image") for y in x.proto.imgs]


def chosen(at: AppTest, key: str = "network") -> str:
    """Return what is chosen, as people read it."""
    box = at.selectbox(key=key)
    return str(box.options[box.index or 0])


def key_of(at: AppTest, name: str) -> str:
    """Return what a network that is offered is called in addresses."""
    box = at.selectbox(key="network")
    keys = (f"{origin}-{id}" for origin in ("own", "reference") for id in range(1, 1000))
    return next(x for x in keys if box.format_func(x) == name)


def take(at: AppTest, name: str, key: str = "network") -> AppTest:
    """Choose the network that people know under a name."""
    return at.selectbox(key=key).set_value(key_of(at, name)).run()


@pytest.mark.usefixtures("shipped")
def test_the_first_view_is_every_weight_of_the_smallest(visit: Visit, sentences: Sentences) -> None:
    at = visit(INSPECT)
    assert sentences(at) == [] and not at.warning and not at.info
    assert chosen(at) == SMALLEST and chosen(at, "versus") == "no other"
    layers = ["Conv 3×3", "Depthwise 3×1 (1)", "Depthwise 1×3 (1)", *(f"Conv 1×1 ({i})" for i in range(1, 5))]
    *shown, scale = (x.partition(":")[0] for x in alts(at))  # kernels that several places share once
    assert shown == layers and scale.startswith("Scale of colours from -")
    assert not pictures(at)


@pytest.mark.usefixtures("shipped")
def test_large_layers_are_one_picture_each(visit: Visit, sentences: Sentences) -> None:
    at = visit(INSPECT, network=LARGER)
    assert sentences(at) == [] and chosen(at) == LARGER
    assert [x.partition(":")[0] for x in pictures(at)] == ["Dense (1)", "Dense (2)"]
    assert alts(at)[0].startswith("Dense (3): 330 weights of 10 units on 32 inputs")


def test_a_layer_that_does_not_fit_comes_in_parts(visit: Visit, sentences: Sentences, trained: Train) -> None:
    run = trained("mlp", 512)
    at = visit(INSPECT)
    assert sentences(at) == []
    part = at.selectbox(key=f"part_own_{run}_Dense (1)")
    assert part.options[0].startswith("1 to ") and part.options[-1].endswith("512 of 512")
    assert sentences(part.set_value(part.options[-1]).run()) == []


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("key", ["cnn", "CNN"])
def test_a_link_names_family_and_width(visit: Visit, sentences: Sentences, key: str) -> None:
    at = visit(INSPECT, family=key, n="2", origin="reference")
    assert sentences(at) == [] and not at.warning
    assert chosen(at) == "CNN, n = 2: 4,802 weights, seed 0, reference"
    assert "family" not in at.query_params
    take(at, SMALLEST)
    assert chosen(at) == SMALLEST


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("query", [{"family": "cnn", "n": "8"}, {"family": "none", "n": "x"}, {"network": "none"}])
def test_weights_that_are_not_kept_are_one_sentence(visit: Visit, sentences: Sentences, query: dict[str, str]) -> None:
    at = visit(INSPECT, **query)
    assert sentences(at) == [] and chosen(at) == SMALLEST
    (warned,) = at.warning
    assert warned.value.startswith("No weights are kept of ") and warned.value.endswith(f" {SMALLEST}.")
    assert f" {query['network']} " in warned.value if "network" in query else f"n = {query['n']} " in warned.value
    take(at, LARGER)
    assert not at.warning


@pytest.mark.usefixtures("shipped")
def test_reference_weights_that_do_not_come_along_are_one_sentence(visit: Visit, sentences: Sentences) -> None:
    at = visit(INSPECT, family="cnn", n="8", origin="reference")
    assert sentences(at) == []
    (warned,) = at.warning
    assert warned.value == (
        "The weights of CNN, n = 8 on MNIST do not come with Featherweight. Train it yourself to look inside. "
        f"Shown is {SMALLEST}."
    )


def test_without_a_run_the_page_says_what_to_do(visit: Visit, sentences: Sentences) -> None:
    at = visit(INSPECT)
    assert sentences(at) == []
    assert at.info[0].value.startswith("No finished run on MNIST, 5,000 digits yet.")
    assert [x.proto.page for x in at.get("page_link")].count("train") == 2, "in the frame and below the sentence"


def bring_unequal(own: Settings, store: Store, bring: Bring) -> None:
    """Bring a set with names, of which one class has 97.5 % of the test images, and a network that always says it."""
    y = (np.arange(400) % 40 == 0).astype(np.uint8)
    x = np.random.default_rng(0).integers(0, 256, (400, 12, 12)).astype(np.uint8)
    names = np.array(["non-small cell", "*melanoma*"])
    bring("lesion", x_train=x, x_test=x, y_train=y, y_test=y, class_names=names)
    network = family("mlp").build(4, (12, 12, 1), 2)
    run = store.begin(
        Cell("lesion", datasets.find(own, "lesion").facts.fingerprint, "mlp", 4, FAMILIES["mlp"].recipe, 0),
        parameters=network.parameters,
        multiply_adds=network.multiply_adds,
        train_images=400,
        test_images=400,
        device="a device",
        versions={},
    )
    store.add_epoch(run, Epoch(1, 0.2, 0.9, 0.1, 0.975, 1.5))
    zeros = [np.zeros(x, np.float32) for x in network.weight_shapes]
    store.end(run, RunState.DONE, seconds=2.5, weights=npz(zeros))


def test_of_unequal_classes_balanced_accuracy_stands_beside(
    visit: Visit, sentences: Sentences, own: Settings, store: Store, bring: Bring
) -> None:
    bring_unequal(own, store, bring)
    at = visit(INSPECT, data="lesion", view="errors")
    assert sentences(at) == []
    (line,) = [str(x.value) for x in at.markdown if "misread" in str(x.value) and "reads" in str(x.value)]
    assert "reads 97.50 % " in line and "balanced accuracy 50.00 %" in line and "10 are misread" in line
    assert any("accuracy alone says little" in str(x.value) for x in at.caption)
    assert [x for x in alts(at) if "*melanoma* read as non-small cell, 10 times" in x]
    assert not [x for x in at.caption if "*melanoma*" in str(x.value).replace("**", "")], "a name is no markup"
    at = visit(INSPECT, data="lesion", view="maps", image="1")
    assert sentences(at) == [] and "test image 1, labelled *melanoma*" in pictures(at)
    assert any("it is labelled" in str(x.value) and "**non-small cell**" in str(x.value) for x in at.markdown)


@pytest.mark.usefixtures("shipped")
def test_of_equal_classes_it_does_not(visit: Visit, sentences: Sentences) -> None:
    at = visit(INSPECT, view="errors", network=SMALLEST)
    assert sentences(at) == [] and not [x for x in (*at.markdown, *at.caption) if "alanced" in str(x.value)]


def test_runs_on_contents_of_before_are_told(
    visit: Visit, sentences: Sentences, own: Settings, store: Store, bring: Bring
) -> None:
    bring_unequal(own, store, bring)
    bring("lesion", 12, 12, classes=3)
    at = visit(INSPECT, data="lesion")
    assert sentences(at) == [] and "1 finished run on lesion" in at.info[0].value and "replaced" in at.info[0].value


def test_runs_without_weights_say_so(visit: Visit, sentences: Sentences, trained: Train) -> None:
    trained("mlp", 16, None)
    at = visit(INSPECT)
    assert sentences(at) == []
    assert at.info[0].value.startswith("None of the 1 finished runs on MNIST, 5,000 digits has kept its weights")
    assert [x.proto.page for x in at.get("page_link")].count("train") == 2, "in the frame and below the sentence"


@pytest.mark.parametrize("content", [b"junk", npz([np.zeros(3)])])
def test_damaged_weights_are_one_sentence(visit: Visit, sentences: Sentences, trained: Train, content: bytes) -> None:
    trained("mlp", 16, content)
    at = visit(INSPECT)
    assert len(sentences(at)) == 1 and chosen(at).startswith("MLP, n = 16: ")
    assert not alts(at) and not pictures(at) and not at.info and not at.warning


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("view", ["Feature maps", "What the cut cost"])
def test_images_of_another_shape_are_one_sentence(visit: Visit, sentences: Sentences, bring: Bring, view: str) -> None:
    bring("mnist", 32, 32, 3)
    at = visit(INSPECT, data="MNIST", view=view)
    assert sentences(at) == []
    assert at.warning[0].value.startswith("MNIST holds images of 32×32×3 in 10 classes; Tied CNN, n = 7")
    at = visit(INSPECT, data="MNIST")  # its weights can be looked at all the same
    assert sentences(at) == [] and not at.warning and len(alts(at)) == 8


@pytest.mark.usefixtures("shipped")
def test_a_digit_walks_through_every_layer(visit: Visit, sentences: Sentences) -> None:
    at = visit(INSPECT, view="Feature maps", image="8", network=DEEP)
    assert sentences(at) == []
    assert "1,000 test digits of the embedded set" in at.info[0].value
    shown = pictures(at)
    assert shown[0] == "test image 8, labelled 7"
    convolutions = [f"Conv 3×3 ({i})" for i in range(1, 5)]
    pools = [f"Max pool 2×2 ({i})" for i in (1, 2)]
    layers = [*convolutions[:2], pools[0], *convolutions[2:], pools[1], "Flatten"]
    assert [x.partition(":")[0] for x in shown[1:]] == layers
    assert [x.value for x in at.caption if x.value.startswith("**Dense")] == ["**Dense** · 10 probabilities"]
    assert alts(at)[0].startswith("Probabilities: ")


@pytest.mark.usefixtures("shipped")
def test_a_drawn_digit_can_be_chosen(visit: Visit, sentences: Sentences) -> None:
    at = visit(INSPECT, view="Feature maps")
    assert not [x for x in at.get("button_group") if x.key == "source"]
    at.session_state["shown_mnist"] = np.eye(28)[:, :, None]
    at.run()
    at.segmented_control(key="source").set_value("drawing").run()
    assert at.query_params == {"view": "maps", "source": "drawing"}
    assert sentences(at) == [] and pictures(at)[0] == "the drawn digit"
    at.session_state["shown_mnist"] = None
    assert sentences(at.run()) == [] and pictures(at)[0].startswith("test image 1")


@pytest.mark.usefixtures("shipped")
def test_what_the_cut_cost_leads_to_an_images_maps(visit: Visit, sentences: Sentences) -> None:
    at = visit(INSPECT, view="What the cut cost", network=SMALLEST, versus=LARGER)
    assert sentences(at) == []
    said = [x.value for x in at.markdown]
    assert any(x.startswith(f"- **{LARGER}** reads 9") for x in said)
    both, first, second, neither = (
        int("".join(y for y in x if y.isdigit()))
        for x in next(x for x in said if x.startswith("- Both read")).split(";")
    )
    assert both + first + second + neither == 1000
    told = at.subheader[-1].value
    assert told.startswith(f"{first} ") and " the larger " in told.partition(" the smaller ")[0]
    gallery = [x for x in at.button if x.label.startswith("#")]
    assert len(gallery) == min(first, 24) == len(pictures(at))
    number = gallery[0].label.removeprefix("#")
    gallery[0].click().run()
    assert sentences(at) == []
    assert pictures(at)[0].startswith(f"test image {number}, ")


def test_two_networks_of_equal_size_keep_their_order_and_none_is_called_smaller(
    visit: Visit, sentences: Sentences, trained: Train
) -> None:
    for seed in range(2):
        trained("deep_cnn", 2, seed=seed)
    names = [f"Deep CNN, n = 2: 932 weights, seed {seed}" for seed in range(2)]
    for first, second in itertools.permutations(names, 2):
        at = visit(INSPECT, view="What the cut cost", network=first, versus=second)
        assert sentences(at) == []
        said = [str(x.value) for x in (*at.markdown, *at.caption, *at.subheader)] + alts(at)
        whose = [x for x in said if x.startswith("- **")]
        assert whose[0].startswith(f"- **{first}**") and whose[1].startswith(f"- **{second}**")
        assert not [x for x in said if re.search("larger?|smaller|small:", x)]
        (counted,) = [x for x in said if x.startswith("- Both read")]
        assert re.fullmatch(r"- Both read \d+; only the first \d+; only the second \d+; neither \d+\.", counted)
        assert any(
            re.fullmatch(r"\d+ images that the first network reads and the second one does not", x) for x in said
        )
        assert any(x.startswith("Images that the second network answers so more often") for x in said)


@pytest.mark.usefixtures("shipped")
def test_the_layer_table_shares_weights_and_work(visit: Visit, sentences: Sentences) -> None:
    at = visit(INSPECT, view="Layers", network=DEEP)
    assert sentences(at) == []
    table = at.dataframe[0].value
    assert table["Weights"].sum() == 932 and table["Multiply-adds"].sum() == 49_960
    for share in ("Share of weights", "Share of multiply-adds"):
        assert table[share].sum() == pytest.approx(100)  # shown with "%"


@pytest.mark.usefixtures("shipped")
def test_one_and_the_same_network_is_no_pair(visit: Visit, sentences: Sentences) -> None:
    at = visit(INSPECT, view="Layers", network=LARGER, versus=LARGER)
    assert sentences(at) == [] and len(at.dataframe) == 1


@pytest.mark.usefixtures("shipped")
def test_results_lead_to_a_networks_inside(visit: Visit, sentences: Sentences) -> None:
    at = visit("pages/results.py", data="MNIST")
    box = at.selectbox(key="closer")
    at = box.set_value(next(x for x in box.options if x.startswith("Deep CNN, n = 3"))).run()
    assert sentences(at) == []
    (link,) = [x.proto for x in at.get("page_link") if x.proto.label == "Look inside Deep CNN, n = 3, in Inspect"]
    words = dict(parse_qsl(link.query_string))
    assert set(words) == {"data", "network"} and words["data"] == "mnist" and words["network"].startswith("reference-")
    inside = visit(INSPECT, **words)
    assert sentences(inside) == [] and not inside.warning and chosen(inside).startswith("Deep CNN, n = 3: ")


def test_wide_networks_of_own_are_compared(visit: Visit, sentences: Sentences, trained: Train) -> None:
    trained("mlp", 16)
    trained("cnn", 1)
    at = visit(INSPECT, view="What the cut cost", versus="MLP, n = 16: 13,002 weights, seed 0")
    assert sentences(at) == []
    assert {"Confusions of MLP, n = 16", "Confusions of CNN, n = 1"} < {x.value for x in at.subheader}


def test_a_stopped_run_can_be_looked_into_and_is_no_result(visit: Visit, sentences: Sentences, trained: Train) -> None:
    trained("deep_cnn", 2, state=RunState.STOPPED)
    trained("deep_cnn", 1, None, state=RunState.STOPPED)
    for view in ("Weights", "Feature maps", "What the cut cost", "Layers"):
        at = visit(INSPECT, view=view)
        assert sentences(at) == [] and not at.info and at.selectbox(key="network").options == [STOPPED]
    trained("mlp", 16)
    at = visit(INSPECT)
    finished = "MLP, n = 16: 13,002 weights, seed 0"
    assert at.selectbox(key="network").options == [finished, STOPPED] and chosen(at) == finished
    at = visit(INSPECT, view="What the cut cost", network=STOPPED, versus=finished)
    assert sentences(at) == [] and any(str(x.value).startswith(f"- **{STOPPED}** reads ") for x in at.markdown)
    at = visit("pages/results.py", data="MNIST, 5,000 digits")
    assert [x.partition(",")[0] for x in at.selectbox(key="closer").options] == ["MLP"]
    assert [str(x.value) for x in at.markdown if "Deep CNN" in str(x.value)] == []
    at = visit("pages/draw.py", data="MNIST, 5,000 digits")
    at = next(x for x in at.button if x.label == "Give me a test digit").click().run()
    (bars,) = [x.proto for x in at.get("bidi_component") if "-bars_" in x.proto.id]
    assert "MLP" in str(bars) and "Deep CNN" not in str(bars)


@pytest.mark.usefixtures("shipped")
def test_the_set_of_a_stopped_run_is_kept_on_the_way_to_inspect(
    visit: Visit, sentences: Sentences, trained: Train
) -> None:
    trained("deep_cnn", 2, state=RunState.STOPPED)
    at = visit("pages/train.py", data="mnist_5k")
    at.query_params.clear()  # as the links between pages do
    at.switch_page(INSPECT).run()
    assert sentences(at) == [] and chosen(at) == STOPPED
    at.query_params.clear()
    at.switch_page("pages/results.py").run()
    assert at.selectbox(key="data").value == "mnist", "a stopped run is no result"
    assert at.switch_page(INSPECT).run().selectbox(key="data").value == "mnist_5k", "what was chosen is kept"


@pytest.mark.usefixtures("shipped")
def test_own_networks_on_other_digits_are_offered_with_their_set(
    visit: Visit, sentences: Sentences, trained: Train
) -> None:
    trained("mlp", 16)
    at = visit(INSPECT)
    assert sentences(at) == [] and at.selectbox(key="data").value == "mnist" and chosen(at) == SMALLEST
    mine = "MLP, n = 16: 13,002 weights, seed 0, MNIST, 5,000 digits"
    assert [x for x in at.selectbox(key="network").options if "MNIST" in x] == [mine]
    for view in ("weights", "maps", "errors", "layers"):
        at.segmented_control(key="view").set_value(view).run()
        assert sentences(take(at, mine)) == [] and chosen(at) == mine and not at.warning


@pytest.mark.usefixtures("shipped")
def test_the_address_says_keys_and_leaves_out_what_is_usual(visit: Visit, sentences: Sentences) -> None:
    at = visit(INSPECT)
    assert not at.query_params
    take(take(at, LARGER), SMALLEST, "versus")
    at.segmented_control(key="view").set_value("layers").run()
    assert sentences(at) == []
    large, small = key_of(at, LARGER), key_of(at, SMALLEST)
    assert at.query_params == {"network": large, "versus": small, "view": "layers"}
    assert large.startswith("reference-") and large != small
    other = visit(INSPECT, **at.query_params)
    assert (chosen(other), chosen(other, "versus")) == (LARGER, SMALLEST) and len(other.dataframe) == 2
    titles = visit(INSPECT, data="MNIST", view="Layers", network=LARGER, versus=SMALLEST)
    assert titles.query_params == {**at.query_params, "data": "mnist"}
    at.selectbox(key="versus").set_value("none").run()
    assert "versus" not in at.query_params


@pytest.mark.usefixtures("shipped")
def test_another_data_set_brings_its_own_networks(visit: Visit, sentences: Sentences, trained: Train) -> None:
    trained("mlp", 16)
    at = visit(INSPECT, data="MNIST", network=LARGER, versus=SMALLEST)
    assert (chosen(at), chosen(at, "versus")) == (LARGER, SMALLEST)
    at = at.selectbox(key="data").set_value("mnist_5k").run()
    assert sentences(at) == [] and not at.warning
    assert (chosen(at), chosen(at, "versus")) == ("MLP, n = 16: 13,002 weights, seed 0", "no other")
