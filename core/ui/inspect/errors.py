"""What networks misread, and what a smaller one no longer reads."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import streamlit as st

from core.charts import confusion as confusion_charts
from core.charts import pixels
from core.data import datasets
from core.data.datasets import Dataset
from core.data.images import scaled
from core.export import charts as export_charts
from core.networks.layers import Array
from core.results import commonest, confusion
from core.results.sentences import percent, probability
from core.runs import reference
from core.runs.run import Origin
from core.ui import links
from core.ui.inspect.parts import Looked, sides, take_away, theme
from core.ui.markdown import plain
from core.ui.shared import Context

GALLERY = 24
BALANCED = "Balanced accuracy is the mean over the classes of each class's accuracy."
PART, SLOW = 1000, 2.0  # images between two looks at the clock; seconds after which a bar shows how far it is


@st.cache_data(show_spinner=False, max_entries=640)
def answered(run: tuple[str, str, int, str], fingerprint: str, start: int, _looked: Looked, _images: Array) -> Array:
    """Return a run's probabilities on test images from ``start`` on; what is not underscored identifies them."""
    return confusion.probabilities(_looked[0].network, _looked[1], _images)


def probabilities(context: Context, looked: Looked, dataset: Dataset, shown: Array) -> Array:
    """Return what a network answers to all test images, and show how far it is where that takes long."""
    chosen = looked[0]
    source = reference.PATH if chosen.run.origin is Origin.REFERENCE else context.store.path
    run = (str(source), chosen.run.origin, chosen.run.id, chosen.run.started)
    words, place, found = f"{chosen.title} reads {len(shown):,} test images", st.empty(), []
    with place, st.spinner(words, show_time=False):
        began = time.monotonic()
        for start in range(0, len(shown), PART):
            part = scaled(shown[start : start + PART])
            found.append(answered(run, dataset.facts.fingerprint, start, looked, part))
            if time.monotonic() - began > SLOW:
                place.progress(min(1.0, (start + PART) / len(shown)), words)
    place.empty()
    return np.concatenate(found)


def draw_errors(context: Context, looked: Sequence[Looked], dataset: Dataset, shown: Array, labels: Array) -> None:
    """Draw which test images the networks misread, and what the second, the smaller one, lost."""
    classes = datasets.labels(dataset.name, dataset.facts)
    given = [probabilities(context, x, dataset, shown) for x in looked]
    said = [x.argmax(axis=1) for x in given]
    counts = [confusion.matrix(labels, x, len(classes)) for x in said]
    for (chosen, _), found in zip(looked, counts, strict=True):
        st.markdown(
            f"- **{plain(chosen.name)}** reads {percent(confusion.accuracy(found))} of these {len(labels):,} test "
            f"images{_balanced(found, dataset)}: {len(labels) - int(np.trace(found)):,} are misread."
        )
    if dataset.facts.unequal:
        st.caption(f"{plain(commonest.little(dataset.facts, classes))} {BALANCED}")
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
            f"{name} is worst at {classes[np.nanargmin(x)]}: {percent(float(np.nanmin(x)), 1)}"
            for name, x in ((name, confusion.by_class(y)) for name, y in named)
        )
        st.altair_chart(confusion_charts.accuracies(named, classes), alt=f"Accuracy per class: {words}.")
        st.caption(plain(f"{words}."))
    if len(looked) > 1 and len(classes) <= confusion_charts.MOST:
        with places[1]:
            st.subheader("What changed")
            with st.container(width=confusion_charts.side(classes)):  # no wider than the window
                st.altair_chart(
                    confusion_charts.change(counts[1], counts[0], classes, theme()),
                    alt=f"The {other} network's confusion matrix less the {one} one's.",
                )
            st.caption(
                f"Images that the {other} network answers so more often (+) or less often (-) than the {one} one."
            )
    if dataset.name == reference.DATASET and any(x.run.fingerprint != dataset.facts.fingerprint for x, _ in looked):
        st.caption(reference.note(dataset.name))
    gallery(looked, given, shown, labels, classes)
    last, found = looked[-1][0], counts[-1]
    if len(classes) <= confusion_charts.MOST:
        take_away(
            f"Confusions of {last.title}",
            f"confusions-{last.run.cell.chosen.slug}-{last.run.width}",
            lambda scheme: confusion_charts.matrix(found, classes, export_charts.theme(scheme)).properties(
                title=last.name
            ),
        )


def _balanced(counts: Array, dataset: Dataset) -> str:
    """Return the balanced accuracy beside the accuracy, where classes are so unequal that it says more."""
    if not dataset.facts.unequal:
        return ""
    return f", **balanced accuracy {percent(confusion.balanced(counts))}**"


def draw_confusion(title: str, counts: Array, classes: Sequence[str]) -> None:
    """Draw a network's confusion matrix, or of many classes its commonest confusions."""
    st.subheader(f"Confusions of {plain(title)}")
    common = confusion_charts.confusions(counts, classes)
    first = [
        f"{row['True']} read as {row['Answered']}, {row['Images']} times" for row in common.head(3).to_dict("records")
    ]
    words = "Commonest: " + "; ".join(first) + "." if first else "Not one image is misread."
    if len(counts) <= confusion_charts.MOST:
        with st.container(width=confusion_charts.side(classes)):  # no wider than the window
            st.altair_chart(confusion_charts.matrix(counts, classes, theme()), alt=f"Confusion matrix. {words}")
        st.caption(plain(words))
    else:
        form = {"Share of the class": st.column_config.NumberColumn(format="%.1f %%")}
        common["Share of the class"] *= 100
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
            words = f"{true}, read as {read}, {probability(probs.max())} sure"
            with st.container(width=100, gap="xxsmall"):
                picture = pixels.png(
                    pixels.photograph(scaled(shown[index])), max(1, 84 // shown.shape[1]), pixels.MARGIN
                )
                st.image(picture, alt=f"Test image {index + 1:,}: {words}", output_format="PNG")
                sure = [probability(x[index].max()).replace(" ", "\N{NO-BREAK SPACE}") for x in given]
                better = f"  \n{one}: {plain(classes[given[0][index].argmax()])}, {sure[0]}" if pair else ""
                whose = f"{other}: " if pair else "read as "
                st.caption(f"true: **{plain(true)}**  \n{whose}{plain(read)}, {sure[-1]}{better}")
                st.button(
                    f"#{index + 1}",
                    key=f"walk_{index}",
                    help="Show its feature maps",
                    on_click=links.put,
                    args=({"image": int(index) + 1, "view": "maps", "source": "test"},),
                )
