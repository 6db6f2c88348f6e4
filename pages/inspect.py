"""Inspect: every weight of a trained network, what it makes of an image, and what a smaller one no longer reads."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core.charts import confusion as confusion_charts
from core.charts import pixels
from core.charts import weights as weights_charts
from core.charts.pixels import Grid
from core.data import datasets, npz, samples
from core.data.datasets import Dataset
from core.errors import FeatherweightError
from core.export import charts as export_charts
from core.networks.families import FAMILIES
from core.networks.layers import Array, shape_text
from core.results import collect, confusion, panel, tables, trained
from core.results.collect import Results
from core.results.trained import Kept
from core.runs import reference
from core.runs.store import Store
from core.ui import downloads, page
from core.ui.downloads import Download
from core.ui.markdown import plain

WEIGHTS, MAPS, COST, LAYERS = "Weights", "Feature maps", "What the cut cost", "Layers"
ALONE = "no other"
TEST = "A test image"
GALLERY = 24
PART, SLOW = 1000, 2.0  # images between two looks at the clock; seconds after which a bar shows how far it is
SHARES = ("Share of weights", "Share of multiply-adds")
Looked = tuple[Kept, list[Array]]  # a network and its weights


@st.cache_data(show_spinner=False, max_entries=640)
def answered(run: tuple[str, str, int, str], fingerprint: str, start: int, _looked: Looked, _images: Array) -> Array:
    """Return a run's probabilities on test images from ``start`` on; what is not underscored identifies them."""
    return confusion.probabilities(_looked[0].network, _looked[1], _images)


def probabilities(bench: page.Bench, looked: Looked, dataset: Dataset, shown: Array) -> Array:
    """Return what a network answers to all test images, and show how far it is where that takes long."""
    chosen = looked[0]
    source = reference.PATH if chosen.origin == "reference" else bench.store.path
    run = (str(source), chosen.origin, chosen.run, chosen.started)
    words, place, found = f"{chosen.title} reads {len(shown):,} test images", st.empty(), []
    with place, st.spinner(words, show_time=False):
        began = time.monotonic()
        for start in range(0, len(shown), PART):
            part = npz.scaled(shown[start : start + PART])
            found.append(answered(run, dataset.facts.fingerprint, start, looked, part))
            if time.monotonic() - began > SLOW:
                place.progress(min(1.0, (start + PART) / len(shown)), words)
    place.empty()
    return np.concatenate(found)


def theme() -> dict[str, Any]:
    """Return the colours of the visitor's theme."""
    return export_charts.theme(st.context.theme.type or "light")


def take_away(name: str, stem: str, make: Callable[[str], Any]) -> None:
    """Draw the downloads of a picture of ``name``; ``make`` gives it for a scheme when it is asked for."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        scheme, file = downloads.scheme(), f"featherweight-{stem}"
        downloads.draw(
            (
                Download(
                    f"SVG: {name}", f"{file}.svg", "image/svg+xml", lambda: export_charts.svg(make(scheme), scheme)
                ),
                Download(f"PNG: {name}", f"{file}.png", "image/png", lambda: export_charts.png(make(scheme), scheme)),
            )
        )


def choose(networks: list[Kept], found: Results) -> list[Kept]:
    """Draw the choice of one network or two, and return them, the larger first; of equal ones that chosen first."""
    names = {x.name: x for x in networks}
    asked = st.query_params
    if "family" in asked and "n" in asked:  # a link from another page; from here on the name stands in the address
        key, width, told = asked["family"], asked["n"], {x: asked.get(x) for x in ("origin", "recipe", "images")}
        wanted = trained.named(networks, key, width, **told)
        if wanted:
            st.session_state["network"] = asked["network"] = wanted.name
        else:
            title = FAMILIES[key].title if key in FAMILIES else key
            which = f"{title}, n = {width}" + (f", {told['recipe']}" if told["recipe"] else "")
            st.session_state["not_kept"] = which, told["origin"] == "reference"
        for gone in ("family", "n", *told):
            asked.pop(gone, None)
    # who only changes the data set knows that the network goes with it
    elif "network" not in st.session_state and asked.get("network", networks[0].name) not in names:
        st.session_state["not_kept"] = asked["network"], False
    for key in ("network", "versus"):  # Results has a choice of that name too
        if st.session_state.get(key, ALONE) not in (*names, ALONE):
            del st.session_state[key]
    first = st.selectbox("Network", list(names), key="network", bind="query-params")
    second = st.selectbox(
        "Beside", [ALONE, *names], key="versus", bind="query-params", help="A second network to compare with."
    )
    if gone := st.session_state.pop("not_kept", None):
        st.session_state["sentence"] = f"{not_kept(found, *gone)} Shown is {first}."
    chosen = [names[x] for x in dict.fromkeys((first, second)) if x != ALONE]
    return sorted(chosen, key=lambda x: -x.parameters)


def sides(looked: Sequence[Looked]) -> tuple[str, str]:
    """Return what to call two networks: by their size, or where they are equally large, as they were chosen."""
    (one, _), (other, _) = looked
    return ("larger", "smaller") if one.parameters > other.parameters else ("first", "second")


def not_kept(found: Results, which: str, is_reference: bool) -> str:
    """Say why a network cannot be looked into, and what to do about it: what is finished is never trained again."""
    network = f"{plain(which)} on {plain(datasets.title(found.name))}"
    if is_reference:
        return f"The weights of {network} do not come with Featherweight. Train it yourself to look inside."
    return (
        f"No weights are kept of {network}: it was not trained, or they were dropped to make room. To look inside, "
        "train it, or another seed of it where it is finished (Results: “Train 5 more seeds”)."
    )


def nothing_kept(found: Results) -> None:
    """Say that there is no network to look into, and what to do about it."""
    title, runs = plain(datasets.title(found.name)), len(found.runs)
    st.info(
        f"None of the {runs} finished runs on {title} has kept its weights, so there is nothing to look into. Train "
        "another seed of one, or another network: the weights of new runs are kept."
        if runs
        else f"No finished run on {title} yet. Train a network to look inside it.",
        icon=":material/search:",
    )
    st.page_link("pages/train.py", label="Choose what to train", icon=":material/model_training:")


def draw_layer(grid: Grid, limit: float, small: bool, room: tuple[int, int], key: str) -> None:
    """Draw a layer's weights under its name, in parts where they do not fit."""
    shape = grid.tiles.shape
    what = f"{shape[1]} {grid.leaving}{'s' if shape[1] > 1 else ''}"
    if grid.entering == "channel":
        what += f" on {shape[0]} channel{'s' if shape[0] > 1 else ''}, {shape[2]}×{shape[3]}"
    else:
        what += f" on {shape[2]} inputs"
    alt = (
        f"{grid.label}: {grid.count:,} weights of {what}, from {grid.numbers().min():.2f} to {grid.numbers().max():.2f}"
    )
    with st.container(width="content", gap="xxsmall"):
        st.caption(f"**{grid.label}** · {grid.count:,} weights  \n{what}")
        if small or grid.count <= weights_charts.FEW:
            st.altair_chart(weights_charts.alone(weights_charts.rectangles(grid, limit)), width="content", alt=alt)
            return
        tall, wide = grid.block
        columns = len(grid.bias)
        across, size = pixels.fit(columns, tall, wide, room, 8)
        if size == 1 and 2 * tall <= room[0] * 2:  # a weight gets two pixels, and the layer comes in parts
            size, across = 2, min(columns, (room[1] // 2 + 1) // (wide + 1))
        per_part = across * max(1, room[0] // ((tall + 1) * size))
        part = grid
        if per_part < columns:
            starts = range(0, columns, per_part)
            start = st.selectbox(
                f"{grid.leaving.title()}s of {grid.label}",
                starts,
                format_func=lambda x: f"{x + 1} to {min(x + per_part, columns)} of {columns}",
                key=f"part_{key}_{grid.label}",
                width=240,
            )
            part = grid.part(start, start + per_part)
        picture = pixels.coloured(part.mosaic(across), limit, *theme()["chartCategoricalColors"][:2])
        st.image(pixels.png(picture, size, pixels.MARGIN), alt=alt, output_format="PNG")


def draw_weights(looked: Sequence[Looked]) -> None:
    """Draw all weights of the networks on one scale."""
    drawn = [(chosen, pixels.grids(chosen.network, weights)) for chosen, weights in looked]
    limit = max(float(np.abs(x.numbers()).max()) for _, layers in drawn for x in layers)
    places = st.columns(len(drawn), gap="large") if len(drawn) > 1 else [st.container()]
    for place, (chosen, layers) in zip(places, drawn, strict=True):
        small = chosen.parameters <= weights_charts.SMALL
        with place:
            if len(drawn) > 1:
                st.markdown(f"**{chosen.name}**")
            with st.container(horizontal=True, gap="medium"):
                for grid in layers:
                    draw_layer(grid, limit, small, (520, 1080 // len(drawn)), f"{chosen.origin}_{chosen.run}")
                if place is places[-1]:
                    with st.container(width="content", gap="xxsmall"):
                        st.caption("**Weight**  \nZero is the background")
                        st.altair_chart(
                            weights_charts.scale(limit),
                            width="content",
                            alt=f"Scale of colours from -{limit:.2f} to {limit:.2f}",
                        )
    st.caption(
        "One scale for all layers; colour deepens with the square root of a weight. In a convolution a column is a "
        "filter and a row a channel that enters it; in a dense layer a column is a unit, and where maps were flattened "
        "each picture is what the unit looks for in one of them. The single square under a column is its bias."
    )
    chosen, layers = drawn[-1]
    take_away(
        f"Weights of {chosen.title}",
        f"weights-{chosen.family}-{chosen.width}",
        lambda scheme: weights_charts.poster(
            layers, limit, chosen.name, export_charts.theme(scheme)["chartCategoricalColors"]
        ),
    )


def class_names(name: str, count: int) -> list[str]:
    """Return what the classes of an image set are called."""
    return [datasets.label(name, x) for x in range(count)]


def shape_fits(chosen: Kept, dataset: Dataset) -> bool:
    """Return whether the network can read the images; if not, say so."""
    facts, network = dataset.facts, chosen.network
    if (facts.input_shape, (facts.classes,)) == (network.input_shape, network.output_shape):
        return True
    st.warning(
        f"{plain(dataset.title)} holds images of {shape_text(facts.input_shape)} in {facts.classes} classes; "
        f"{chosen.name} reads {shape_text(network.input_shape)} in {network.output_shape[0]}. Its weights and "
        "layers can be looked at, its answers not.",
        icon=":material/aspect_ratio:",
    )
    return False


def choose_image(name: str, shown: Array, labels: Array) -> tuple[Array, int | None, str]:
    """Draw the choice of an image and return it, its label if known, and what it is."""
    drawn = st.session_state.get(f"shown_{name}")
    # the bare picture is a drawing; a test image comes with its label
    offered = [TEST, page.DRAWN] if isinstance(drawn, np.ndarray) else [TEST]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = TEST
        if len(offered) > 1:
            which = st.segmented_control(
                "Image", offered, default=TEST, required=True, key="source", bind="query-params"
            )
        if which == page.DRAWN:
            return np.asarray(drawn), None, "the drawn digit"
        number = st.number_input(
            f"Test image, 1 to {len(shown):,}", 1, len(shown), 1, key="image", bind="query-params", width=220
        )
    index = int(number or 1) - 1
    label = int(labels[index])
    return npz.scaled(shown[index]), label, f"test image {index + 1:,}, labelled {datasets.label(name, label)}"


def draw_maps(name: str, looked: Sequence[Looked], image: Array, label: int | None, what: str) -> None:
    """Draw what every layer of the networks makes of an image."""
    classes = class_names(name, looked[0][0].network.output_shape[0])
    places = st.columns(len(looked), gap="large") if len(looked) > 1 else [st.container()]
    for place, (chosen, weights) in zip(places, looked, strict=True):
        outputs = chosen.network.activations(weights, image[np.newaxis])
        given = outputs[-1][0]
        right = ", which is right" if given.argmax() == label else f"; it is labelled {classes[label or 0]}"
        with place:
            st.markdown(
                f"**{chosen.title}** ({chosen.parameters:,} weights) reads **{classes[given.argmax()]}**, "
                f"{panel.percent(given.max())} sure{'' if label is None else right}."
            )
            with st.container(horizontal=True, gap="medium"):
                draw_picture(pixels.photograph(image), 5, pixels.INPUT, shape_text(image.shape), what)
                labels = pixels.layer_labels(chosen.network)
                for name, output in zip(labels[:-1], outputs[:-1], strict=True):
                    draw_output(name, output[0], (240, 520))
                with st.container(width="content", gap="xxsmall"):
                    st.caption(f"**{labels[-1]}** · {len(given)} probabilities")
                    st.altair_chart(
                        confusion_charts.probabilities(given, label, classes),
                        width="content",
                        alt="Probabilities: "
                        + ", ".join(
                            f"{i}: {panel.percent(x)}" for i, x in zip(classes, given, strict=True) if x >= 0.001
                        ),
                    )
    st.caption(
        "Black is zero; white is the largest value of the layer. Each picture is one map; of a row of numbers "
        "each is a square."
    )
    chosen, weights = looked[-1]
    take_away(
        f"Maps of {chosen.title}",
        f"maps-{chosen.family}-{chosen.width}",
        lambda _: weights_charts.walk(chosen.network, weights, image, chosen.name),
    )


def draw_output(name: str, output: Array, room: tuple[int, int]) -> None:
    """Draw a layer's output under the layer's name."""
    tiles = pixels.maps(output)
    across, size = pixels.fit(len(tiles), tiles.shape[1], tiles.shape[2], room, 8)
    text = f"{len(tiles)} maps of {shape_text(tiles.shape[1:])}" if output.ndim == 3 else f"{len(tiles)} numbers"
    picture = pixels.grey(pixels.mosaic(tiles, across, np.nan))
    draw_picture(picture, size, name, text, f"{name}: {text}, from {output.min():.2f} to {output.max():.2f}")


def draw_picture(picture: Array, size: int, name: str, text: str, alt: str) -> None:
    """Draw a picture under its name."""
    with st.container(width="content", gap="xxsmall"):
        st.caption(f"**{name}** · {text}")
        st.image(pixels.png(picture, size, pixels.MARGIN), alt=alt, output_format="PNG")


def draw_cost(bench: page.Bench, looked: Sequence[Looked], dataset: Dataset, shown: Array, labels: Array) -> None:
    """Draw which test images the networks misread, and what the second, the smaller one, lost."""
    classes = class_names(dataset.name, dataset.facts.classes)
    given = [probabilities(bench, x, dataset, shown) for x in looked]
    said = [x.argmax(axis=1) for x in given]
    counts = [confusion.matrix(labels, x, len(classes)) for x in said]
    for (chosen, _), found in zip(looked, counts, strict=True):
        st.markdown(
            f"- **{chosen.name}** reads {confusion.accuracy(found):.2%} of these {len(labels):,} test images: "
            f"{len(labels) - int(np.trace(found)):,} are misread."
        )
    if len(looked) > 1:
        parts, (one, other) = confusion.difference(labels, *said), sides(looked)
        st.markdown(
            f"- Both read {parts.both:,}; only the {one} {parts.first:,}; only the {other} {parts.second:,}; "
            f"neither {parts.neither:,}."
        )
    named = [(x.title, found) for (x, _), found in zip(looked, counts, strict=True)]
    if len(looked) > 1 and named[0][0] == named[1][0]:
        named = [(x.name, found) for (x, _), found in zip(looked, counts, strict=True)]
    places = st.columns(2, gap="large")
    for place, (title, found) in zip(places, named, strict=False):
        with place:
            draw_confusion(title, found, classes)
    with places[-1] if len(looked) == 1 else places[0]:
        st.subheader("Accuracy per class")
        words = "; ".join(
            f"{name} is worst at {classes[np.nanargmin(x)]}: {np.nanmin(x):.1%}"
            for name, x in ((name, confusion.by_class(y)) for name, y in named)
        )
        st.altair_chart(confusion_charts.accuracies(named, classes), alt=f"Accuracy per class: {words}.")
        st.caption(f"{words}.")
    if len(looked) > 1 and len(classes) <= confusion_charts.MOST:
        with places[1]:
            st.subheader("What changed")
            st.altair_chart(
                confusion_charts.change(counts[1], counts[0], classes, theme()),
                width="content",
                alt=f"The {other} network's confusion matrix less the {one} one's.",
            )
            st.caption(
                f"Images that the {other} network answers so more often (+) or less often (-) than the {one} one."
            )
    if dataset.name == reference.DATASET and any(x.fingerprint != dataset.facts.fingerprint for x, _ in looked):
        st.caption(reference.NOTE)
    gallery(looked, given, shown, labels, classes)
    last, found = looked[-1][0], counts[-1]
    if len(classes) <= confusion_charts.MOST:
        take_away(
            f"Confusions of {last.title}",
            f"confusions-{last.family}-{last.width}",
            lambda scheme: confusion_charts.matrix(found, classes, export_charts.theme(scheme)).properties(
                title=last.name
            ),
        )


def draw_confusion(title: str, counts: Array, classes: Sequence[str]) -> None:
    """Draw a network's confusion matrix, or of many classes its commonest confusions."""
    st.subheader(f"Confusions of {title}")
    common = confusion_charts.confusions(counts, classes)
    first = [
        f"{row['True']} read as {row['Answered']}, {row['Images']} times" for row in common.head(3).to_dict("records")
    ]
    words = "Commonest: " + "; ".join(first) + "." if first else "Not one image is misread."
    if len(counts) <= confusion_charts.MOST:
        st.altair_chart(
            confusion_charts.matrix(counts, classes, theme()), width="content", alt=f"Confusion matrix. {words}"
        )
        st.caption(words)
    else:
        form = {"Share of the class": st.column_config.NumberColumn(format="percent")}
        st.dataframe(common, hide_index=True, column_config=form, alt=words)


def gallery(
    looked: Sequence[Looked], given: Sequence[Array], shown: Array, labels: Array, classes: Sequence[str]
) -> None:
    """Draw the images that the second network misreads and the first does not, or all that a single one does."""
    pair = len(looked) > 1
    one, other = sides(looked) if pair else ("", "")
    places = confusion.lost(labels, *given) if pair else confusion.mistakes(labels, given[0])
    st.subheader(
        f"{len(places):,} images that the {one} network reads and the {other} one does not"
        if pair
        else f"{len(places):,} images that it misreads"
    )
    if not len(places):
        st.caption("There are none.")
        return
    st.caption("The surest mistakes first. A number opens the image's feature maps.")
    start = 0
    if len(places) > GALLERY:
        page = st.number_input("Page", 1, -(-len(places) // GALLERY), 1, key="gallery_page", width=140)
        start = (int(page or 1) - 1) * GALLERY
    with st.container(horizontal=True):
        for index in places[start : start + GALLERY]:
            probs = given[-1][index]
            true, read = classes[labels[index]], classes[probs.argmax()]
            words = f"{true}, read as {read}, {panel.percent(probs.max())} sure"
            with st.container(width=100, gap="xxsmall"):
                picture = pixels.png(
                    pixels.photograph(npz.scaled(shown[index])), max(1, 84 // shown.shape[1]), pixels.MARGIN
                )
                st.image(picture, alt=f"Test image {index + 1:,}: {words}", output_format="PNG")
                sure = [panel.percent(x[index].max()).replace(" ", "\N{NO-BREAK SPACE}") for x in given]
                better = f"  \n{one}: {classes[given[0][index].argmax()]}, {sure[0]}" if pair else ""
                whose = f"{other}: " if pair else "read as "
                st.caption(f"true: **{true}**  \n{whose}{read}, {sure[-1]}{better}")
                st.button(
                    f"#{index + 1}",
                    key=f"walk_{index}",
                    help="Show its feature maps",
                    on_click=st.session_state.update,
                    args=({"image": int(index) + 1, "view": MAPS, "source": TEST},),
                )


def draw_layers(looked: Sequence[Looked]) -> None:
    """Draw the layer table of each network with shares of weights and multiply-adds."""
    whole = st.column_config.NumberColumn(format="localized")
    form = {"Weights": whole, "Multiply-adds": whole}
    form |= {x: st.column_config.ProgressColumn(format="percent", min_value=0.0, max_value=1.0) for x in SHARES}
    for chosen, _ in looked:
        network = chosen.network
        st.markdown(
            f"**{chosen.name}**: {network.multiply_adds:,} multiply-adds an image, "
            f"{network.multiply_adds / network.parameters:.0f} for each weight."
        )
        rows: pd.DataFrame = tables.layers(network)
        st.dataframe(
            rows,
            hide_index=True,
            height="content",
            column_config=form,
            alt=f"Layers of {chosen.name}, with shares",
        )


with page.page("Inspect") as bench:
    # one row, so that a whole network fits below the controls
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.title("Look inside", width="content")
        view = st.segmented_control(
            "View",
            (WEIGHTS, MAPS, COST, LAYERS),
            default=WEIGHTS,
            required=True,
            key="view",
            bind="query-params",
            label_visibility="collapsed",
            wrap=True,
        )
    shipped: Store | None = None
    with page.explained(FeatherweightError):
        shipped = reference.store()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        default = partial(collect.default, bench.settings, bench.store, shipped, with_stopped=True)
        name = page.choose_name(bench, default)
        found = collect.find(bench.settings, bench.store, shipped, name)
        networks = trained.find(found, with_stopped=True)
        selected = choose(networks, found) if networks else []
    if sentence := st.session_state.pop("sentence", None):
        st.warning(sentence, icon=":material/warning:")
    if not selected:
        nothing_kept(found)
        st.stop()
    stores = {"own": bench.store, "reference": shipped or bench.store}
    looked = [(x, trained.read(stores[x.origin], x)) for x in selected]
    if view == LAYERS:
        draw_layers(looked)
    elif view in (MAPS, COST):
        dataset = found.dataset
        if dataset is None and (instead := samples.source(bench.settings, name)):
            dataset = datasets.find(bench.settings, instead)
            st.info(
                "The file of MNIST is not at hand: these are the 1,000 test digits of the embedded set. They come from "
                "MNIST's training images, so these networks have seen them and err less than on MNIST's test images.",
                icon=":material/info:",
            )
        if dataset is None:
            st.warning(plain(datasets.missing(bench.settings, name)), icon=":material/cloud_download:")
            st.stop()
        if not all([shape_fits(x, dataset) for x, _ in looked]):
            st.stop()
        shown, labels = samples.tests(dataset.path)
        if view == MAPS:
            image, label, what = choose_image(name, shown, labels)
            draw_maps(name, looked, image, label, what)
        else:
            draw_cost(bench, looked, dataset, shown, labels)
    else:
        draw_weights(looked)
