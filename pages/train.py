"""Train: choose a sweep, see what it costs, start it, and watch it; the training itself goes on without this page."""

import time
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.charts import networks as network_charts
from core.data import datasets
from core.data.datasets import Dataset
from core.data.npz import HELD_OUT
from core.errors import ArgumentError, DatasetError, FeatherweightError
from core.networks.families import FAMILIES, family
from core.recipe import (
    MAX_BATCH,
    MAX_EPOCHS,
    MAX_LEARNING_RATE,
    MAX_SEED,
    OPTIMIZER_TITLES,
    OPTIMIZERS,
    PROTOCOLS,
    Recipe,
)
from core.runner import gpu
from core.runner.guarded import Door
from core.runner.progress import Progress
from core.runs import costs, sweep
from core.runs.run import Cell
from core.ui import page
from core.ui.markdown import plain


def recipe_controls(keys: list[str], dataset: Dataset, precisions: tuple[str, ...]) -> tuple[Recipe | None, str]:
    """Draw the recipe controls and return the recipe, or None for each family's own, and the protocol."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        own = (
            st.segmented_control(
                "Recipe",
                ["article", "own"],
                default="article",
                required=True,
                format_func={"article": "The article's", "own": "My own"}.__getitem__,
                key="recipe",
                bind="query-params",
            )
            or "article"
        )  # an empty ?recipe= in the address chooses none
        protocol = (
            st.segmented_control(
                "Protocol",
                PROTOCOLS,
                default="article",
                required=True,
                format_func={"article": "As in the article", "held_out": "Held-out"}.__getitem__,
                key="protocol",
                bind="query-params",
                help="As in the article: trains on all training images and measures the test images after every epoch; "
                "the last one counts. Held-out: keeps a sixth of the training images of each class out of the training "
                "and measures those after every epoch, for you to choose by; the test images are measured once, at the "
                "end.",
            )
            or "article"
        )
    if own == "article":
        recipes = ". ".join(f"{FAMILIES[x].title}: {FAMILIES[x].recipe}" for x in keys)
        images = dataset.facts.train
        if protocol == "held_out":
            images = images * (HELD_OUT - 1) // HELD_OUT
        fewer = images / 60_000
        few = f" With {images:,} images instead of 60,000 that is {fewer:.0%} of its updates."
        st.caption(f"{recipes}.{few if fewer < 0.9 else ''}")
        return None, protocol
    usual = FAMILIES[keys[0]].recipe
    if len({FAMILIES[x].recipe for x in keys}) > 1:
        st.caption(f"One recipe for all the families chosen; it starts from the {FAMILIES[keys[0]].title}'s.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        optimizer = st.selectbox(
            "Optimiser",
            list(OPTIMIZERS),
            index=list(OPTIMIZERS).index(usual.optimizer),
            format_func=OPTIMIZER_TITLES.__getitem__,
            key="optimizer",
            bind="query-params",
        )
        rate = st.number_input(
            "Learning rate",
            1e-6,
            MAX_LEARNING_RATE,
            OPTIMIZERS[optimizer],
            step=OPTIMIZERS[optimizer] / 10,
            format="%g",
            key=f"rate_{optimizer}",
            bind="query-params",
            help="Adadelta needs 1.0 here: with Keras 3's default of 0.001 these networks do not train in 12 epochs.",
        )
        epochs = st.number_input("Epochs", 1, MAX_EPOCHS, usual.epochs, key="epochs", bind="query-params")
        batch = st.number_input("Batch", 1, MAX_BATCH, usual.batch_size, key="batch", bind="query-params")
        precision = st.selectbox(
            "Precision",
            precisions,
            key="precision",
            help="bfloat16 does the matrix work in 16 bits where the hardware has it; weights stay in 32.",
        )
        dropout = st.toggle("Dropout", key="dropout", bind="query-params", help="The tutorial's Dropout layers.")
    return Recipe(optimizer, rate, epochs, batch, dropout, precision), protocol


def running(runner: Door, now: Progress, waiting: float | None) -> None:
    """Draw the current run: its progress and the sweep's, the curves, and the buttons that stop it.

    ``waiting`` is how long the queue will take, in seconds, as far as that is known.
    """
    cell = now.current
    assert cell
    done, planned = len(now.epochs), cell.recipe.epochs
    # the first epoch compiles, so the fastest says most about those to come
    left = min(x.seconds for x in now.epochs) * (planned - done) if done else None
    run_left = f", about {page.duration(left)} left" if left else ""
    sweep_left = f", about {page.duration(left + waiting)} left" if left is not None and waiting is not None else ""
    since = time.monotonic() - now.began
    st.progress(
        done / planned,
        f"**{family(cell.family).title}, n = {cell.width}, seed {cell.seed}** on "
        f"{plain(datasets.title(cell.dataset))}: epoch {now.epoch} of {planned}, "
        f"{page.duration(since)} so far{run_left}",
    )
    st.progress(
        min(1.0, (now.done + done / planned) / max(now.total, 1)),
        f"Sweep: run {now.done + 1} of {now.total}, {len(now.queue)} waiting{sweep_left}",
    )
    if ahead := runner.ahead():
        st.caption(f"Your runs start after {ahead} other{'s' if ahead > 1 else ''}.")
    refusal = runner.visitor.refusal
    with st.container(horizontal=True):
        st.button(
            "Stop after this epoch",
            icon=":material/stop_circle:",
            on_click=page.pressed,
            args=(runner.stop_after_epoch,),
            disabled=now.stopping or refusal is not None,
            help=refusal
            or "Keeps weights and epochs so far until the run is asked for again and starts anew; the queue waits.",
        )
        st.button(
            "Stop now",
            icon=":material/cancel:",
            on_click=page.pressed,
            args=(runner.stop_now,),
            disabled=refusal is not None,
            help=refusal or "Ends the run at once and keeps its finished epochs, but no weights; the queue waits.",
        )
        if now.queue:
            clear_queue(runner, "clear", "The current run goes on.")
    if now.stopping:
        st.caption("Stopping after this epoch.")
    if now.again:
        st.caption(f":material/refresh: It is tried once more. {plain(now.again)}")
    watched, words, more = cell.recipe.watched, "The first epoch compiles too", ""
    if now.epochs:
        loss, accuracy = now.epochs[-1].watched
        words = f"After epoch {now.epochs[-1].epoch}: {watched} accuracy {accuracy:.2%}"
        more = f", {watched} loss {loss:.3f}"
    for column, field in zip(st.columns(2), ("Accuracy", "Loss"), strict=True):
        column.altair_chart(
            network_charts.history(now.epochs, planned, field, watched), alt=f"{field} per epoch. {words}."
        )
    st.caption(f"{words}{more}. Trains on {now.device}.")


def clear_queue(runner: Door, key: str, words: str | None = None) -> None:
    """Draw the button that forgets what waits."""
    st.button(
        "Clear queue",
        icon=":material/clear_all:",
        on_click=page.pressed,
        args=(runner.clear,),
        disabled=runner.visitor.refusal is not None,
        help=runner.visitor.refusal or words,
        key=key,
    )


def left_behind(runner: Door, left: Sequence[Cell]) -> None:
    """Offer what the last process left behind."""
    count = len(left)
    runs = "1 run" if count == 1 else f"{count} runs"
    were, them = ("was", "it") if count == 1 else ("were", "them")
    st.warning(f"{runs} of the last sweep {were} interrupted or still waiting.", icon=":material/history:")
    over, viewer = runner.refusal_left(), runner.visitor.refusal
    if over and over != viewer:
        st.caption(f":material/block: {plain(over)}")
    with st.container(horizontal=True):
        for label, icon, action, refusal in (
            (f"Resume {them}", ":material/play_arrow:", runner.resume_left, over),
            (f"Forget {them}", ":material/clear_all:", runner.forget_left, viewer),
        ):
            st.button(
                label, icon=icon, on_click=page.pressed, args=(action,), disabled=refusal is not None, help=refusal
            )


@st.fragment(run_every=1.0)
def live(bench: page.Bench, cells: list[Cell], drawn: int, waiting: float | None, refused: str | None) -> None:
    """Draw what is going on and the grid of cells; redrawn every second, the same in every tab.

    ``drawn`` is the version of the progress that the rest of the page shows and ``refused`` the refusal; ``waiting`` is
    as in :func:`running`.
    """
    with page.explained(FeatherweightError):  # a fragment runs on its own, outside the page's own care
        if bench.runner is None:
            now = Progress()
        else:
            now = bench.runner.progress()
            if now.problem:
                st.error(plain(now.problem), icon=":material/error:")
            if now.left:
                left_behind(bench.runner, now.left)
            match now.phase:
                case "training":
                    running(bench.runner, now, waiting)
                case "paused":
                    waits = f"{len(now.queue)} run{'s' if len(now.queue) != 1 else ''} waiting"
                    st.info(f"Training is held, {waits}.", icon=":material/pause_circle:")
                    with st.container(horizontal=True):
                        st.button(
                            "Resume",
                            icon=":material/play_arrow:",
                            on_click=page.pressed,
                            args=(bench.runner.resume,),
                            type="primary",
                            disabled=bench.visitor.refusal is not None,
                            help=bench.visitor.refusal,
                        )
                        if now.queue:
                            clear_queue(bench.runner, "clear_held")
                case "starting":
                    st.caption(
                        ":material/hourglass: The training process is starting; a sweep can be asked for already."
                    )
                case _:
                    done = " The last sweep has ended: how each run did stands below." if now.total else ""
                    st.caption(f":material/check_circle: Ready to train on {now.device}.{done}")
        if now.note:
            st.warning(plain(now.note), icon=":material/memory:")
        for card in gpu.cards():
            st.caption(f":material/memory: {card}.")
        if page.outdated(now, drawn) or page.refused() != refused:
            st.rerun()  # a run began or ended: what is left to train, and what it costs, stand outside this fragment
        busy = [x for x in (now.current, *now.queue) if x and x not in cells]  # asked for in another tab, say
        shown = [*cells, *busy]
        if shown:
            states = sweep.states(shown, bench.store.states(shown), now)
            st.dataframe(
                sweep.grid(shown, states, bench.store.accuracies(shown), now),
                hide_index=True,
                height="content",
                alt="State of each cell of the sweep",
            )


def selection(bench: page.Bench, now: Progress) -> list[Cell]:
    """Draw the choice of a sweep and return its cells; none while something is still to be chosen."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        picked = st.pills(
            "Families",
            list(FAMILIES),
            selection_mode="multi",
            default=["deep_cnn"],
            format_func=lambda x: FAMILIES[x].title,
            key="families",
            bind="query-params",
            width="stretch",
            help="Each family is a line of networks that differ in one width, n.",
        )
        dataset = page.choose_dataset(bench)
    keys = [x for x in FAMILIES if x in picked]
    if not keys:
        st.info("Choose at least one family.")
    if not keys or dataset is None:
        return []
    widths = {}
    for column, key in zip(st.columns(len(keys)), keys, strict=True):
        swept = sorted(FAMILIES[key].widths)
        widths[key] = column.multiselect(
            f"Widths of the {FAMILIES[key].title}",
            # all of them, or Enter after "3" would take 32, the only one that begins so
            [str(x) for x in range(1, FAMILIES[key].max_width + 1)],
            default=[str(FAMILIES[key].start)],
            accept_new_options=True,
            filter_mode="prefix",
            select_all=False,  # Enter would take all that match
            key=f"widths_{key}",
            bind="query-params",
            placeholder="Choose, or type any width",
            help=f"The article sweeps {', '.join(map(str, swept))}.",
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        count = st.number_input("Seeds", 1, 50, 1, key="seeds", bind="query-params", help="Runs of each network.")
        first = st.number_input("First seed", 0, MAX_SEED, 0, key="seed", bind="query-params")
    recipe, protocol = recipe_controls(keys, dataset, now.precisions)
    cells = sweep.cells(dataset, widths, sweep.seeds(first, count), recipe, protocol)
    if not cells:
        st.info("Choose at least one width.")
    return cells


def start(bench: page.Bench, runs: pd.DataFrame, cells: list[Cell], now: Progress) -> None:
    """Say what is left to train of the cells and what it will cost, and draw the button that starts it."""
    stored = bench.store.states(cells)
    busy = {now.current, *now.queue}
    new = [x for x in cells if stored.get(x) != "done" and x not in busy]
    estimate = costs.cost(runs, sweep.plans(bench.settings, new), now.device)
    if not new and busy.intersection(cells):
        st.caption("All of these are trained or on their way.")
    elif not new:
        st.success("All of these are trained: see them under Results.", icon=":material/check_circle:")
    elif estimate.seconds is None:
        st.caption(f"{len(new)} to train. How long it takes is not known before the first run on this device.")
    else:
        known = f"by the {estimate.runs} run{'s' if estimate.runs != 1 else ''} finished here"
        st.caption(f"{len(new)} to train, about {page.duration(estimate.seconds)} {known}.")
    refusal = bench.runner.refusal(new) if bench.runner and new else None
    if refusal:
        st.caption(f":material/block: {plain(refusal)}")
    st.button(
        f"Start {len(new)} run{'s' if len(new) != 1 else ''}" if new else "Nothing to start",
        type="primary",
        icon=":material/play_arrow:",
        disabled=not new or bench.runner is None or refusal is not None,
        on_click=page.pressed,
        args=(bench.runner.submit, new) if bench.runner else None,
        key="start",
    )


with page.page("Train") as bench:
    st.title("Train a sweep")
    now = bench.runner.progress() if bench.runner else Progress()
    runs = bench.store.runs()
    cells: list[Cell] = []
    with page.explained(ArgumentError, DatasetError):  # what runs is shown below whatever is wrong with the choice
        cells = selection(bench, now)
        if cells:
            start(bench, runs, cells, now)
    st.divider()
    waiting = costs.cost(runs, sweep.plans(bench.settings, now.queue), now.device)
    live(bench, cells, now.version, waiting.seconds, page.refused())
    used, room = bench.store.usage(), bench.settings.room
    if used.kept or used.dropped:
        gone = f" Those of {used.dropped} were dropped so far to make room." if used.dropped else ""
        st.caption(
            f"The weights of {used.kept} run{'s' if used.kept != 1 else ''} are kept: {used.size / 1e6:,.1f} of "
            f"{room / 1e6:,.0f} MB, as FEATHERWEIGHT_WEIGHTS_MB says. When they are full, those of stopped runs "
            f"go first, then the oldest; results stay.{gone}"
        )
