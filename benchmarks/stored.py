"""Measure how long each page takes to open over a store of 10,000 runs, in a real Chromium.

The store holds the widths of the four families and of two of one's own, seed after seed, on the embedded digits, their
epochs, and weights of the networks below 20,000. A page is open when its heading is drawn, its script has ended and
nothing has changed for half a second; that rest is not counted. The first opening of a page in a server's life imports
what it needs and is given apart.

    python -m benchmarks.stored --runs 10000 --visits 5
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.pages import OPTIONS
from benchmarks.serving import served
from core import settings
from core.data import datasets
from core.networks.families import FAMILIES, own
from core.networks.line import Line
from core.recipe import Recipe
from core.runs.run import Cell, RunState
from core.runs.store import Store
from core.settings import Settings

# Each is opened with the set that the runs are on: by themselves pages open with the reference results.
PAGES = {
    x: f"{x.lower().replace('explore', '')}?data=mnist_5k" for x in ("Explore", "Train", "Results", "Draw", "Inspect")
}
EPOCHS, KEPT = 12, 20_000
OWN = (
    own("lean", "Lean", Line.of("conv3(n, same, leaky) maxpool2 4x[separable3(n, leaky)] globalavg")),
    own("residual", "Residual", Line.of("conv3(n, same) batchnorm maxpool2 residual[conv3(n, same, linear)] flatten")),
)
WIDEST = 512  # of one's own; the article's four end where they do

# Milliseconds from the start of navigation to the last change, once nothing has changed or loaded for half a second.
SETTLED = """
() => {
  const changed = window.changed ?? 0;
  const there = document.querySelector('h1') && !document.querySelector('[data-testid=stStatusWidget]')
    && !document.querySelector('[data-stale=true], [data-testid=stSkeleton], [data-testid=stAppSkeleton]');
  return there && performance.now() - changed > 500 ? changed : null;
}
"""
WATCH = """
new MutationObserver(() => { window.changed = performance.now() })
  .observe(document, {childList: true, characterData: true, subtree: true});
"""


def fill(loaded: Settings, count: int) -> None:
    """Write so many finished runs."""
    dataset = datasets.find(loaded, datasets.EMBEDDED)
    facts, store, rng = dataset.facts, Store(loaded.store), np.random.default_rng(0)
    for family in OWN:
        store.families.add(family)
    networks = [(x, n) for x in (*FAMILIES.values(), *OWN) for n in range(1, min(x.max_width, WIDEST) + 1)]
    with store.database.connection() as connection:
        for number in range(count):
            family, n = networks[number % len(networks)]
            recipe = Recipe("adam", 0.001, EPOCHS, 64)
            asked = family.key if family.built_in else family.layers
            cell = Cell(dataset.name, facts.fingerprint, asked, n, recipe, number // len(networks))
            network = family.build(n)
            row = cell.columns | {
                "parameters": network.parameters,
                "multiply_adds": network.multiply_adds,
                "train_images": facts.train,
                "test_images": facts.test,
                "state": RunState.DONE.value,
                "started": "2026-11-01T10:00:00.000+00:00",
                "ended": "2026-11-01T10:00:20.000+00:00",
                "seconds": 20.0,
                "device": "CPU",
                "versions": '{"keras": "3.15.1"}',
                "formulation": "XLA",
            }
            marks = ", ".join(f":{x}" for x in row)
            run = connection.execute(f"INSERT INTO runs ({', '.join(row)}) VALUES ({marks})", row).lastrowid
            top = 1 - 0.6 / np.sqrt(n + 1) * (1 + 0.05 * rng.standard_normal())
            connection.executemany(
                "INSERT INTO epochs (run, epoch, loss, accuracy, test_loss, test_accuracy, seconds) "
                "VALUES (?, ?, 0.5, 0.9, 0.5, ?, 1.5)",
                [(run, x, max(0.1, top - 0.01 * (EPOCHS - x))) for x in range(1, EPOCHS + 1)],
            )
            if network.parameters < KEPT:
                packed = io.BytesIO()
                arrays = [0.1 * rng.standard_normal(x).astype(np.float32) for x in network.weight_shapes]
                np.savez(packed, allow_pickle=False, **{str(i): x for i, x in enumerate(arrays)})
                connection.execute("INSERT INTO weights VALUES (?, ?, NULL)", (run, packed.getvalue()))


def opened(page: Page, url: str) -> float:
    """Open an address and return the milliseconds until nothing changes any more."""
    page.goto(url)
    return float(page.wait_for_function(SETTLED, timeout=120_000, polling=100).json_value())


def main() -> None:
    """Print the figures as a table, or with ``--json`` as one JSON document a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--visits", type=int, default=5, help="openings of each page after its first")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as home:
        loaded = settings.load({"FEATHERWEIGHT_HOME": home})
        fill(loaded, arguments.runs)
        began = time.perf_counter()
        Store(loaded.store)
        seconds = time.perf_counter() - began
        size = Path(loaded.store).stat().st_size / 1e6
        if not arguments.json:
            print(f"{arguments.runs:,} runs, {size:,.0f} MB; opened and looked over in {1000 * seconds:.0f} ms")
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=OPTIONS)
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.add_init_script(WATCH)
        with served(home) as server:
            for name, path in PAGES.items():
                first, *later = (opened(page, f"{server.url}/{path}") for _ in range(arguments.visits + 1))
                row = {"page": name, "first_ms": round(first), "p50_ms": round(statistics.median(later))}
                row["worst_ms"] = round(max(later))
                words = f"{name:<8} first {row['first_ms']:>6} ms   p50 {row['p50_ms']:>6} ms"
                print(json.dumps(row) if arguments.json else f"{words}   worst {row['worst_ms']:>6} ms", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
