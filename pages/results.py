"""Results: how few weights reach a target, with seeds, noise and published results on one log axis."""

from functools import partial

import altair
import pandas as pd
import streamlit as st

from core.charts import results as results_chart
from core.data import datasets
from core.data.datasets import Dataset
from core.errors import FeatherweightError
from core.export import bundle
from core.export import charts as export_charts
from core.networks.families import FAMILIES, family
from core.recipe import PROTOCOLS, Recipe
from core.results import analysis, collect, sentences, tables
from core.results.collect import Results
from core.results.published import ARTICLE, ARTICLE_SOURCE, DIGITS, beside
from core.results.units import UNITS, sizes
from core.runner.guarded import Door
from core.runner.progress import Progress
from core.runs import reference, sweep
from core.ui import downloads, page
from core.ui.downloads import Download
from core.ui.markdown import plain

PROTOCOL_TITLES = {"article": "The article's", "held_out": "Held-out"}
COLOURS = {True: "green", False: "orange", None: "gray"}
FORMATS = {
    "Test loss": st.column_config.NumberColumn(format="%.4f"),
    "Seconds": st.column_config.NumberColumn(format="%.1f"),
    "µs per digit": st.column_config.NumberColumn(format="%.0f"),
    "Finished (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
}
FORMATS |= {x: st.column_config.NumberColumn(format="%.2f") for x in tables.TITLES if x.endswith("%")}
FORMATS |= {
    x: st.column_config.NumberColumn(format="localized") for x in tables.TITLES if x.lower().endswith("weights")
}


def table(rows: pd.DataFrame, titles: dict[str, str], words: str) -> None:
    """Draw a table under people's titles; columns that are empty throughout are left out."""
    shown = tables.for_people(rows, {name: title for name, title in titles.items() if not rows[name].isna().all()})
    st.dataframe(shown, hide_index=True, column_config=FORMATS, placeholder="–", height="content", alt=words)


def run_small_sweep(bench: page.Bench) -> None:
    """Queue the small sweep on the embedded digits and turn the page to them."""
    assert bench.runner
    bench.runner.submit(sweep.small(datasets.find(bench.settings, datasets.EMBEDDED)))
    st.session_state["data"] = datasets.EMBEDDED


def run_more_seeds(runner: Door, dataset: Dataset, point: pd.Series, first: int, count: int) -> None:
    """Queue further seeds of a network and say so."""
    seeds = sweep.seeds(first, count)
    widths, recipe = {point["family"]: [int(point["width"])]}, Recipe.from_json(point["recipe"])
    queued = runner.submit(sweep.cells(dataset, widths, seeds, recipe))
    ahead = f" They start after {runner.ahead()} of others." if runner.ahead() else ""
    which = f"seeds {seeds[0]} to {seeds[-1]}" if count > 1 else f"seed {first}"
    if queued == count:
        said = f"Queued: {which}.{ahead}"
    elif queued:
        said = f"Queued: {queued} of {which}; the others are on their way already.{ahead}"
    else:
        said = f"On their way already: {which}."
    st.toast(said, icon=":material/playlist_add:")


def take_clicked() -> None:
    """Look closer at the mark that was clicked."""
    clicked = st.session_state[chart_key()]["selection"][results_chart.SELECTION]
    if clicked:
        st.session_state["network"] = clicked[0]["name"]


def forget_clicked() -> None:
    """Forget the click after a choice by hand: the same mark clicked again would be no news to the chart."""
    st.session_state["chart"] = st.session_state.get("chart", 0) + 1


def chart_key() -> str:
    """Return the key of the chart, another one each time a click was forgotten."""
    return f"scatter_{st.session_state.get('chart', 0)}"


def nothing_yet(bench: page.Bench, name: str, now: Progress) -> None:
    """Say that there is no result to show, and what to do about it."""
    st.info(
        f"No finished run on {plain(datasets.title(name))} yet. Choose what to train, or see the shape of the answer "
        "in a few minutes: a small sweep on the embedded 5,000 digits.",
        icon=":material/scatter_plot:",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Run the small sweep",
            type="primary",
            icon=":material/play_arrow:",
            on_click=page.pressed,
            args=(run_small_sweep, bench),
            disabled=bench.runner is None or bench.visitor.refusal is not None or bool(now.current or now.queue),
            help=bench.visitor.refusal or bench.problem,
        )
        st.page_link("pages/train.py", label="Choose what to train", icon=":material/model_training:")


def choose_recipes(runs: pd.DataFrame, key: str) -> pd.DataFrame:
    """Draw the choice of recipes where a family has several, and return the runs with the chosen ones."""
    if runs.groupby("family")["recipe_title"].nunique().max() == 1:
        return runs
    recipes = sorted(runs["recipe_title"].unique())
    known = st.session_state.setdefault(f"{key}_known", [])
    if key in st.session_state:  # a recipe whose first run has just ended is shown too
        st.session_state[key] += [x for x in recipes if x not in known]
    st.session_state[f"{key}_known"] = recipes
    chosen = st.multiselect(
        "Recipes",
        recipes,
        default=None if key in st.session_state else recipes,
        key=key,
        help="Runs with different recipes are never averaged: each recipe has a line of its own.",
    )
    return runs[runs["recipe_title"].isin(chosen)]


def more_seeds(bench: page.Bench, found: Results, point: pd.Series) -> None:
    """Draw what trains further seeds of a network."""
    dataset, same = found.dataset, (found.runs[["family", "width", "recipe"]] == point[["family", "width", "recipe"]])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        count = st.number_input("Further seeds", 1, 50, 5, key="more", width=140)
        last = int(found.runs.loc[same.all(axis=1), "seed"].max())
        absent = None if dataset else "The images are not at hand: fetch them on the Train page."
        st.button(
            f"Train {count} more seed{'s' if count > 1 else ''}",
            icon=":material/play_arrow:",
            disabled=bench.runner is None or dataset is None or bench.visitor.refusal is not None,
            help=bench.visitor.refusal or bench.problem or absent,
            on_click=page.pressed,
            args=(run_more_seeds, bench.runner, dataset, point, last + 1, count),
        )


def closer(bench: page.Bench, found: Results, point: pd.Series, runs: pd.DataFrame) -> None:
    """Draw one network's runs: their curves, recipe and versions, and what can be done with it."""
    chosen, width, recipe = family(point["family"]), int(point["width"]), Recipe.from_json(point["recipe"])
    source = reference.store() if point["origin"] == "reference" else bench.store
    histories = {int(row["seed"]): source.epochs(int(row["id"])) for _, row in runs.iterrows()}
    inside = bool((runs["weights"] == "kept").any())
    st.markdown(f"**{chosen.title}, n = {width}**: {sentences.network(point)} Recipe: {recipe}.")
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.altair_chart(
            results_chart.histories(histories, recipe.watched),
            alt=f"Accuracy on the {recipe.watched} images per epoch, a line a seed, for {len(histories)} seeds.",
        )
    with right:
        for device, versions in sorted(set(zip(runs["device"], runs["versions"], strict=True))):
            st.caption(f"Trained on {plain(device)}, with {sentences.versions(versions)}.")
        st.page_link(
            "app.py",
            label=f"Open {chosen.title}, n = {width} in Explore",
            icon=":material/tune:",
            # without the images at hand the embedded digits stand in: the counts are the same
            query_params={"family": chosen.title, "n": str(width)}
            | ({} if found.dataset else {"on": datasets.EMBEDDED}),
        )
        st.page_link(
            "pages/inspect.py",
            label=f"Look inside {chosen.title}, n = {width}, in Inspect",
            icon=":material/search:",
            query_params={
                "data": datasets.title(found.name),
                "family": chosen.key,
                "n": str(width),
                "origin": str(point["origin"]),
                "recipe": str(recipe),
                "images": str(point["fingerprint"])[:6],  # several copies of a set that is not at hand have results
            },
            disabled=not inside,
        )
        if not inside:
            st.caption(
                "No weights of this network come with Featherweight, so there is no looking inside and no bundle. "
                "Train it yourself to have them."
                if point["origin"] == "reference"
                else "Its weights are not kept, so there is no looking inside and no bundle. Train another seed of it."
            )
        more_seeds(bench, found, point)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            seed = st.selectbox("Seed", sorted(runs["seed"]), key="bundle_seed", width=140)
            row = runs[runs["seed"] == seed].iloc[0]
            run, kept = int(row["id"]), row["weights"] == "kept"
            st.download_button(
                "Download its bundle",
                partial(bundle.pack, source, run, found.facts_of(point["fingerprint"])),
                f"featherweight-{chosen.key}-{width}-seed-{seed}.zip",
                "application/zip",
                icon=":material/folder_zip:",
                on_click="ignore",
                disabled=not kept,
                help="A Keras script that trains it again, recipe, versions, history, weights and the .keras file; "
                "takes some seconds to make."
                if kept
                else "The weights of this run were not kept, so there is no bundle of it.",
            )
    table(runs, tables.RUNS, f"The runs of {point['name']}")


def take_away(
    name: str,
    runs: pd.DataFrame,
    chart: altair.LayerChart | altair.FacetChart,
    said: str,
    shown: pd.DataFrame,
) -> None:
    """Draw the downloads of the runs and of the chart; a file is made when it is asked for."""
    st.subheader("Take away")
    scheme, title, file = downloads.scheme(), f"Accuracy against size: {datasets.title(name)}", f"featherweight-{name}"
    page = partial(export_charts.html, chart, scheme, title, said, shown)
    downloads.draw(
        (
            Download("Runs as CSV", f"{file}.csv", "text/csv", partial(export_charts.csv, runs)),
            Download(
                "Runs as JSON", f"{file}.json", "application/json", lambda: export_charts.json(runs.to_dict("records"))
            ),
            Download("Chart as SVG", f"{file}.svg", "image/svg+xml", partial(export_charts.svg, chart, scheme)),
            Download("Chart as PNG", f"{file}.png", "image/png", partial(export_charts.png, chart, scheme)),
            Download("Page as HTML", f"{file}.html", "text/html", page),
        )
    )


with page.page("Results") as bench:
    st.title("Accuracy against weights")
    shipped = None
    with page.explained(FeatherweightError):
        shipped = reference.store()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = page.choose_name(bench, partial(collect.default, bench.settings, bench.store, shipped))
        target = (
            st.slider(
                "Target accuracy",
                50.0,
                99.9,
                97.0,
                0.1,
                format="%.1f %%",
                key="target",
                bind="query-params",
                help="The article's question: how few weights still reach 97 %?",
            )
            / 100
        )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        protocol = (
            st.segmented_control(
                "Protocol",
                PROTOCOLS,
                default="article",
                required=True,
                format_func=PROTOCOL_TITLES.__getitem__,
                key="protocol",
                bind="query-params",
                help="The article's: trains on all training images; the test images choose the network. Held-out: a "
                "sixth of the training images is kept back and chooses; the test images only report. They are never "
                "mixed.",
            )
            or "article"
        )  # an empty ?protocol= in the address chooses none
        unit = st.selectbox(
            "Size in",
            list(UNITS),
            format_func=lambda x: UNITS[x].title,
            key="unit",
            bind="query-params",
            width=180,
            help=". ".join(f"{x.title}: {x.help}" for x in UNITS.values()) + ".",
        )
        errors = st.toggle(
            "Errors, log axis", key="errors", bind="query-params", help="Opens up what lies between 97 and 99.5 %."
        )
        with_front = st.toggle(
            "Pareto front",
            key="front",
            bind="query-params",
            help="The networks than which no other is both smaller and more accurate.",
        )
        with_published = st.toggle(
            "Published",
            True,
            key="published",
            bind="query-params",
            disabled=unit != "weights",
            help="Other people's results, as hollow marks; they are published in weights only.",
        )
        with_reference = st.toggle(
            "Reference",
            True,
            key="reference",
            bind="query-params",
            disabled=shipped is None,
            help="Results that come with Featherweight, beside your own: on MNIST.",
        )

    now = bench.runner.progress() if bench.runner else Progress()
    if bench.runner:
        page.follow(bench.runner, now.version, name, protocol)
    found = collect.find(bench.settings, bench.store, shipped if with_reference else None, name)
    if found.runs.empty:
        nothing_yet(bench, name, now)
        st.stop()
    runs = found.only(protocol).runs
    if runs.empty:
        st.info(
            f"None of the {len(found.runs)} finished runs on {plain(datasets.title(name))} has this protocol. "
            "Choose the other above, or train with this one.",
            icon=":material/scatter_plot:",
        )
        st.page_link("pages/train.py", label="Choose what to train", icon=":material/model_training:")
        st.stop()
    runs = choose_recipes(runs, f"recipes_{name}_{protocol}")
    if runs.empty:
        st.info("Choose at least one recipe.")
        st.stop()

    facts = found.facts
    points = analysis.points(runs)
    points = tables.networks(points, sizes(points, unit, facts.input_shape, facts.classes))
    turning = analysis.turning_points(runs, target)
    tutorials = {key: x.tutorial_network(facts.input_shape, facts.classes).parameters for key, x in FAMILIES.items()}
    said = sentences.answer(turning, target, datasets.title(name), tutorials)
    st.markdown(f"#### {plain(said)}")
    st.markdown("\n".join(f"- {sentences.turning_point(x, target, tutorials[x.family])}" for x in turning))

    published = beside(name, unit) if with_published else ()
    names = list(points["name"])
    if st.session_state.get("network") not in names:
        st.session_state["network"] = None
    front = points[points["front"] & with_front]
    draw = partial(results_chart.results, points, front, published, target, unit=unit, errors=errors)
    st.altair_chart(
        draw(selected=st.session_state["network"]),
        alt=f"{said} Test accuracy against size on a log axis: {len(points)} networks on {datasets.title(name)}.",
        key=chart_key(),
        on_select=take_clicked,
        selection_mode=results_chart.SELECTION,
    )
    legend = [results_chart.legend(points, protocol)]
    if published:
        legend.append(f"Hollow diamonds: the turning points of the {ARTICLE_SOURCE}.")
        legend.append(
            "Hollow crosses: results of others, under rules of their own, as the table of published results says."
        )
        if name != "mnist":
            legend.append("All of these are on MNIST with its 60,000 training images.")
    if "reference" in set(points["origin"]):
        legend.append(reference.NOTE)
    st.caption(" ".join(legend))

    selected = st.selectbox(
        "Look closer at a network",
        names,
        key="network",
        placeholder="Click a mark of the chart, or choose here",
        on_change=forget_clicked,
    )
    if selected:
        point = points[points["name"] == selected].iloc[0]
        with st.container(border=True):
            same = (runs[analysis.POINT] == point[analysis.POINT]).all(axis=1)
            closer(bench, found, point, runs[same])

    whole = runs[runs["train_images"] == results_chart.ARTICLE_IMAGES]
    agreements = [analysis.agreement(x, whole) for x in ARTICLE] if name in DIGITS and protocol == "article" else []
    if any(agreements):
        st.subheader("Do ours agree with the article?")
        st.markdown(
            "\n".join(
                f"- :{COLOURS[x.agrees]}-badge[{sentences.verdict(x)}] {sentences.agreement(x)}."
                for x in agreements
                if x
            )
        )

    st.subheader("The same in figures")
    sized = tables.NETWORKS if unit == "weights" else {**tables.NETWORKS, "size": UNITS[unit].title}
    # with a key, or a run that ends while someone reads would turn back to the first
    tabs = st.tabs(["Turning points", "Networks", "Runs", *(["Published"] if published else [])], key="figures")
    with tabs[0]:
        words = f"One row per family: its smallest network that reaches {target:.1%}"
        table(tables.turning_points(turning, tutorials), tables.TURNING_POINTS, words)
    with tabs[1]:
        table(points, sized, "One row per network and recipe: the marks of the chart")
    with tabs[2]:
        table(runs, tables.RUNS, "One row per run")
    if published:
        with tabs[3]:
            words = "Published results with their rules: the hollow marks of the chart"
            table(pd.DataFrame(published), tables.PUBLISHED, words)
    take_away(name, runs, draw(), said, tables.for_people(points, sized))
