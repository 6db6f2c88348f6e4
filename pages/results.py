"""Results: test accuracy against weights on a log axis, beside the article's points."""

import streamlit as st

from core import analysis, charts, datasets, frame, sweep
from core.errors import FeatherweightError
from core.families import MNIST_SHAPE
from core.progress import Progress
from core.published import ARTICLE, ARTICLE_SOURCE

MNIST_NAMES = ("mnist", "mnist_5k")
NETWORKS = {
    "title": "Family",
    "width": "Width n",
    "parameters": "Weights",
    "mean": "Mean accuracy, %",
    "sd": "Standard deviation, %",
    "low": "Lowest, %",
    "high": "Highest, %",
    "seeds": "Seeds",
    "recipe_title": "Recipe",
}
RUNS = {
    "dataset": "Data set",
    "title": "Family",
    "width": "Width n",
    "parameters": "Weights",
    "seed": "Seed",
    "test_accuracy": "Test accuracy, %",
    "test_loss": "Test loss",
    "recipe_title": "Recipe",
    "seconds": "Seconds",
    "device": "Device",
    "ended": "Finished (UTC)",
}
FORMATS = {
    "Weights": st.column_config.NumberColumn(format="localized"),
    "Test loss": st.column_config.NumberColumn(format="%.4f"),
    "Seconds": st.column_config.NumberColumn(format="%.1f"),
    "Finished (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
} | {x: st.column_config.NumberColumn(format="%.2f") for x in (*NETWORKS.values(), *RUNS.values()) if x.endswith("%")}


def run_small_sweep(bench: frame.Bench) -> None:
    """Queue the small sweep on the embedded digits and turn the page to them."""
    assert bench.runner
    with frame.explained(FeatherweightError):  # a callback runs before the page
        bench.runner.submit(sweep.small(datasets.find(bench.settings, datasets.EMBEDDED)))
        st.session_state["data"] = datasets.EMBEDDED


with frame.page("Results") as bench:
    st.title("Accuracy against weights")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        dataset = frame.choose_dataset(bench)
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
    if dataset is None:
        st.stop()
    now = bench.runner.progress() if bench.runner else Progress()
    if bench.runner:
        frame.follow(bench.runner, now.version)
    runs = bench.store.runs(dataset.name)
    runs = runs[runs["fingerprint"] == dataset.facts.fingerprint]
    points = analysis.points(runs)

    if points.empty:
        st.info(
            f"No finished run on {dataset.title} yet. Choose what to train, or see the shape of the answer in a few "
            "minutes: a small sweep on the embedded 5,000 digits.",
            icon=":material/scatter_plot:",
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Run the small sweep",
                type="primary",
                icon=":material/play_arrow:",
                on_click=run_small_sweep,
                args=(bench,),
                disabled=bench.runner is None or bool(now.current or now.queue),
            )
            st.page_link("pages/train.py", label="Choose what to train", icon=":material/model_training:")
        st.stop()

    recipes = sorted(points["recipe_title"].unique())
    key = f"recipes_{dataset.name}"
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
    if not chosen:
        st.info("Choose at least one recipe.")
        st.stop()
    points = points[points["recipe_title"].isin(chosen)]
    single = analysis.finished(runs)
    single = single[single["recipe_title"].isin(chosen)]

    reaching = analysis.smallest_reaching(points, target)
    st.markdown(
        "\n".join(
            f"- **{row.title}**: {row.parameters:,} weights (n = {row.width}) reach {row.mean:.2%}, "
            f"mean of {row.seeds} seed{'s' if row.seeds > 1 else ''}."
            for row in reaching.itertuples()
        )
        or f"No network trained here reaches {target:.1%} yet."
    )
    article = ARTICLE if dataset.facts.input_shape == MNIST_SHAPE and dataset.name in MNIST_NAMES else ()
    st.altair_chart(
        charts.results(points, single, article, target),
        alt=f"Test accuracy against trainable weights on a log axis: {len(points)} networks on {dataset.title}.",
    )
    if article:
        st.caption(
            f"Hollow diamonds: the four turning points of the {ARTICLE_SOURCE}, trained on all 60,000 images, one run "
            "each. Large marks are means over seeds, small ones the single seeds."
        )
    networks, every_run = st.tabs(["Networks", "Runs"])
    with networks:
        st.dataframe(
            analysis.for_people(points, NETWORKS),
            hide_index=True,
            column_config=FORMATS,
            placeholder="–",
            alt="One row per network and recipe: the large marks of the chart",
        )
    with every_run:
        st.dataframe(
            analysis.for_people(single, RUNS),
            hide_index=True,
            column_config=FORMATS,
            placeholder="–",
            alt="One row per run: the small marks of the chart",
        )
    st.download_button(
        "Download the runs as CSV",
        single[list(RUNS)].to_csv(index=False),
        f"featherweight-{dataset.name}.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
