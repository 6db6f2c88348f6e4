"""Measure a server with a room full of visitors while a sweep trains, or its memory over many page views.

Thirty visitors (``benchmarks.visitors``) move what stands on the pages and go from page to page, two more in real
Chromium pages beside them, while the queue trains MLPs on the embedded digits. What counts is the time from asking to
the end of the script, the errors shown, of which there must be none, and the server's resident memory; what the
training process takes is its own.

    python -m benchmarks.load --sessions 30 --seconds 120
    python -m benchmarks.load --views 1000
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import streamlit
from playwright.async_api import Browser, async_playwright

from benchmarks.serving import Server, served
from benchmarks.visitors import PAGES, Visitor

CHROMIUM_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
SWEEP = "families=mlp&widths_mlp=64&widths_mlp=128&widths_mlp=256&seeds=50"
TURN = 0.25  # share of a visitor's actions that go to another page
TAKEN_TOGETHER = 4  # visitors at a time while views are counted
TOUCH = 0.2  # share of the page views after which something is moved
STAY = 5  # pages each of these looks at: all of them
SAMPLE = 20  # views between two looks at the memory


async def wander(visitor: Visitor, until: float, pause: float) -> None:
    """Move things and change pages until that time, with pauses of that many seconds on average."""
    async with visitor:
        await visitor.think(visitor.chance.uniform(0, pause))  # nobody comes at the same moment
        await visitor.open(visitor.chance.choice(list(PAGES)))
        while time.monotonic() < until:
            await visitor.think(visitor.chance.expovariate(1 / pause))
            if visitor.chance.random() < TURN:
                await visitor.open(visitor.chance.choice([x for x in PAGES if x != visitor.page]))
            else:
                await visitor.move()


async def browse(browser: Browser, url: str, seed: int, until: float, pause: float) -> list[str]:
    """Go from page to page in a real browser and drag the width; return the errors shown."""
    page, chance, problems = await browser.new_page(), random.Random(seed), []
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: problems.append(str(error)))
    await page.goto(url)
    while time.monotonic() < until:
        name = chance.choice(list(PAGES))
        await page.get_by_role("link", name=name, exact=True).click()
        await page.locator("[data-testid=stHeading] h1").first.wait_for()
        if name == "Explore":
            track = page.get_by_test_id("width-track")
            await track.wait_for()
            box = await track.bounding_box()
            assert box
            for place in (chance.random(), chance.random()):
                await page.mouse.click(box["x"] + place * box["width"], box["y"] + box["height"] / 2)
        await asyncio.sleep(chance.expovariate(1 / pause))
        shown = page.locator("[data-testid=stAlertContentError], [data-testid=stException]")
        problems += await shown.all_inner_texts()
    await page.close()
    return problems


async def watch(server: Server, seen: list[float]) -> None:
    """Note the server's memory every second."""
    while True:
        seen.append(await asyncio.to_thread(server.resident))
        await asyncio.sleep(1)


async def crowd(
    server: Server, sessions: int, seconds: float, pause: float, chromium: str, pages: int
) -> dict[str, Any]:
    """Return what a crowd of visitors met."""
    async with Visitor(server.url, 0) as trainer:
        await trainer.open("Train", SWEEP)
        before = server.resident()
        await trainer.press("Start")
        until = time.monotonic() + seconds
        visitors, memory = [Visitor(server.url, 1 + x) for x in range(sessions)], list[float]()
        watching = asyncio.create_task(watch(server, memory))
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
            browsed = asyncio.gather(*(browse(browser, server.url, x, until, pause) for x in range(pages)))
            await asyncio.gather(*(wander(x, until, pause) for x in visitors))
            found = await browsed
            await browser.close()
        watching.cancel()
        training = await trainer.training()
    waits = [x for visitor in visitors for x in visitor.waits]
    refreshes = [x for visitor in visitors for x in visitor.refreshes]
    problems = [x for visitor in (trainer, *visitors) for x in visitor.problems] + [x for y in found for x in y]
    return {
        "sessions": sessions,
        "chromium_pages": pages,
        "seconds": seconds,
        "pause_s": pause,
        "interactions": line(waits),
        "refreshes": line(refreshes),
        "errors": len(problems),
        "first_errors": problems[:5],
        "still_training": training,
        "memory_mb": {"before": round(before), "peak": round(max(memory)), "after": round(memory[-1])},
    }


async def views(server: Server, count: int, warm: int) -> dict[str, Any]:
    """Return how the server's memory went over that many page views, of which the first ones warm it up."""
    memory: list[tuple[int, float]] = []
    problems: list[str] = []
    done = 0

    async def look(seed: int) -> None:
        nonlocal done
        async with Visitor(server.url, seed) as visitor:
            for page in list(PAGES)[:STAY]:
                await visitor.open(page)
                if visitor.chance.random() < TOUCH:
                    await visitor.move()
                done += 1
                if done % SAMPLE == 0:
                    memory.append((done, server.resident()))
                    print(f"{done} views, {memory[-1][1]:.0f} MB", file=sys.stderr)
        problems.extend(visitor.problems)

    seeds = iter(range(count // STAY))

    async def work() -> None:
        for seed in seeds:
            await look(seed)

    await asyncio.gather(*(work() for _ in range(TAKEN_TOGETHER)))
    late = np.array([x for x in memory if x[0] > warm])
    (slope, _), covariance = np.polyfit(late[:, 0], late[:, 1], 1, cov=True)
    return {
        "views": done,
        "errors": len(problems),
        "first_errors": problems[:5],
        "memory_mb": {str(x): round(y, 1) for x, y in memory if x % 100 == 0},
        "slope_kb_per_view": round(1000 * slope, 2),
        "slope_error": round(1000 * float(np.sqrt(covariance[0, 0])), 2),
        "fitted_after_views": warm,
    }


def line(milliseconds: list[float]) -> dict[str, float]:
    """Return p50, p95 and the largest of some milliseconds."""
    cuts = statistics.quantiles(milliseconds, n=20, method="inclusive")
    return {
        "n": len(milliseconds),
        "p50_ms": round(statistics.median(milliseconds)),
        "p95_ms": round(cuts[18]),
        "max_ms": round(max(milliseconds)),
    }


def main() -> None:
    """Print what was measured, a line a figure, or with ``--json`` as one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=30, help="visitors at the same time")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--pause", type=float, default=4, help="a visitor's mean seconds between two actions")
    parser.add_argument("--pages", type=int, default=2, help="real Chromium pages beside the visitors")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--views", type=int, help="look at so many pages one after another instead")
    parser.add_argument("--warm", type=int, default=400, help="views before the memory's slope is fitted")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if asked.views is not None and asked.views < asked.warm + 5 * SAMPLE:
        parser.error(f"a slope needs at least {5 * SAMPLE} views more than the {asked.warm} that warm up")
    with tempfile.TemporaryDirectory() as home:
        log = Path(home, "server.log")
        with served(home, str(Path(home, "data")), log) as server:
            if asked.views:
                found = asyncio.run(views(server, asked.views, asked.warm))
            else:
                chosen = (asked.sessions, asked.seconds, asked.pause, asked.chromium, asked.pages)
                found = asyncio.run(crowd(server, *chosen))
        said = log.read_text("utf-8", "replace")
    found["tracebacks_in_log"] = said.count("Traceback (most recent call last)")
    found["versions"] = f"Python {platform.python_version()}, Streamlit {streamlit.__version__}"
    print(json.dumps(found) if asked.json else "\n".join(f"{name}: {x}" for name, x in found.items()))


if __name__ == "__main__":
    main()
