"""How well one network of Results reads each class: computed when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.data.datasets import Dataset
from core.networks.layers import Array
from core.results import confusion, tables, trained
from core.results.collect import Results
from core.results.sentences import percent
from core.results.trained import Trained
from core.runs import reference
from core.runs.run import Origin, Run
from core.runs.store import Store
from core.ui.tables import table


@st.cache_data(show_spinner="Reading the test images", max_entries=64)
def confused(run: tuple[str, int, str], fingerprint: str, _source: Store, _chosen: Trained, _dataset: Dataset) -> Array:
    """Return a run's confusion matrix on a set's test images; what is not underscored identifies it."""
    return trained.confused(_source, _chosen, _dataset)


def by_class(source: Store, found: Results, kept: Sequence[Run]) -> None:
    """Draw the balanced accuracy and the accuracy per class of a network, on request.

    Args:
        source: the store that holds its runs.
        found: the image set's results.
        kept: its runs whose weights are kept, at least one, the lowest seed first.
    """
    dataset = found.dataset
    asked = st.toggle(
        "Accuracy per class",
        key="by_class",
        disabled=dataset is None,
        help="Reads all test images, which takes a second for 10,000."
        if dataset
        else "The images are not at hand: fetch them on the Train page.",
    )
    if not asked or dataset is None:
        return
    run = kept[0]
    if len(kept) > 1:
        seed = st.selectbox("Of seed", [x.seed for x in kept], key="by_class_seed", width=140)
        run = next(x for x in kept if x.seed == seed)
    chosen = trained.of_run(found, run)
    facts, network = dataset.facts, chosen.network
    if (facts.input_shape, (facts.classes,)) != (network.input_shape, network.output_shape):
        st.caption("The images at hand are not of the kind that this network reads.")
        return
    counts = confused((str(source.path), run.id, run.started), facts.fingerprint, source, chosen, dataset)
    st.markdown(
        f"Seed {run.seed}: balanced accuracy **{percent(confusion.balanced(counts))}**, the mean of the accuracies "
        f"below; of all test images it reads {percent(confusion.accuracy(counts))}."
    )
    table(tables.classes(counts, found.labels), tables.CLASSES, f"Accuracy per class of {chosen.name}")
    if run.origin is Origin.REFERENCE and run.fingerprint != facts.fingerprint:
        st.caption(reference.note(found.name))
