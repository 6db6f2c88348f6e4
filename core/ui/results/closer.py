"""One network of Results: its runs, their curves, and what can be done with it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core.charts import history as charts
from core.export import bundle
from core.results import sentences, tables
from core.results.analysis import Point
from core.results.collect import Results
from core.results.trained import key_of
from core.runner.guarded import GuardedRunner
from core.runs import reference, sweep
from core.runs.run import Origin, Weights
from core.ui import links
from core.ui.markdown import plain
from core.ui.page import pressed
from core.ui.results.by_class import by_class
from core.ui.shared import Context
from core.ui.tables import table


def closer(context: Context, found: Results, point: Point, name: str) -> None:
    """Draw one network's runs: their curves, recipe and versions, and what can be done with it."""
    chosen, width, recipe, runs = point.curve.chosen, point.width, point.curve.recipe, point.runs
    source = reference.store() if point.curve.origin is Origin.REFERENCE else context.store
    histories = {x.seed: source.epochs(x.id) for x in runs}
    kept = sorted((x for x in runs if x.weights is Weights.KEPT), key=lambda x: x.seed)
    st.markdown(f"**{plain(chosen.title)}, n = {width}**: {sentences.network(point)} Recipe: {recipe}.")
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.altair_chart(
            charts.histories(histories, recipe.watched),
            alt=f"Accuracy on the {recipe.watched} images per epoch, a line a seed, for {len(histories)} seeds.",
        )
    with right:
        for device, versions in sorted({(x.device or "", sentences.versions(x.versions)) for x in runs}):
            st.caption(f"Trained on {plain(device)}, with {plain(versions)}.")
        st.page_link(
            "app.py",
            label=f"Open {plain(chosen.title)}, n = {width} in Explore",
            icon=":material/tune:",
            query_params=links.explore(chosen, width, found.name),
        )
        st.page_link(
            "pages/inspect.py",
            label=f"Look inside {plain(chosen.title)}, n = {width}, in Inspect",
            icon=":material/search:",
            query_params=links.inspect(found.name, key_of(kept[0])) if kept else {},
            disabled=not kept,
        )
        if not kept:
            st.caption(
                "No weights of this network come with Featherweight, so there is no looking inside and no bundle. "
                "Train it yourself to have them."
                if point.curve.origin is Origin.REFERENCE
                else "Its weights are not kept, so there is no looking inside and no bundle. Train another seed of it."
            )
        _more_seeds(context, found, point)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            seed = st.selectbox("Seed", sorted(x.seed for x in runs), key="bundle_seed", width=140)
            run = next(x for x in runs if x.seed == seed)
            st.download_button(
                "Download its bundle",
                partial(bundle.pack, source, run.id, found.facts_of(run.fingerprint)),
                bundle.filename(run),
                "application/zip",
                icon=":material/folder_zip:",
                on_click="ignore",
                disabled=run not in kept,
                help="A Keras script that trains it again, recipe, versions, history, weights and the .keras file; "
                "takes some seconds to make."
                if run in kept
                else "The weights of this run were not kept, so there is no bundle of it.",
            )
    if kept:
        by_class(source, found, kept)
    table(tables.runs(runs), tables.RUNS, f"The runs of {name}")


def _more_seeds(context: Context, found: Results, point: Point) -> None:
    """Draw what trains further seeds of a network."""
    dataset = found.dataset
    with st.container(horizontal=True, vertical_alignment="bottom"):
        count = st.number_input("Further seeds", 1, 50, 5, key="more", width=140)
        absent = None if dataset else "The images are not at hand: fetch them on the Train page."
        st.button(
            f"Train {count} more seed{'s' if count > 1 else ''}",
            icon=":material/play_arrow:",
            disabled=context.runner is None or dataset is None or context.visitor.refusal is not None,
            help=context.visitor.refusal or context.problem or absent,
            on_click=pressed,
            args=(_run_more_seeds, context.runner, found, point, count),
        )


def _run_more_seeds(runner: GuardedRunner, found: Results, point: Point, count: int) -> None:
    """Queue further seeds of a network and say so."""
    assert found.dataset
    cells = sweep.further(found.dataset, found.runs, point.runs[0].cell, count)
    queued = runner.submit(cells)
    ahead = f" They start after {runner.ahead()} of others." if runner.ahead() else ""
    which = f"seeds {cells[0].seed} to {cells[-1].seed}" if count > 1 else f"seed {cells[0].seed}"
    if queued == count:
        said = f"Queued: {which}.{ahead}"
    elif queued:
        said = f"Queued: {queued} of {which}; the others are on their way already.{ahead}"
    else:
        said = f"On their way already: {which}."
    st.toast(said, icon=":material/playlist_add:")
