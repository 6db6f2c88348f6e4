"""Measure how quickly the pages answer, idle and while a network trains, in a real Chromium.

Five figures: from a movement of the width control to the moved total being painted; from letting the handle go to the
whole page settled (the last change of the document before half a second of rest, with the new code shown); from letting
a slider of the architecture go to the painted total of the other network; from lifting the pen of the Draw page to the
answers of the shipped networks being painted; and the seconds from starting a server on a fresh home to the first
painted count.

    python -m benchmarks.pages --moves 60 --drags 20
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time

from playwright.sync_api import Page, sync_playwright

from benchmarks.serving import served

OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

# From the browser's own timestamp of a pointer movement to the frame after the total has changed.
WATCH_MOVES = """
() => {
  const roots = [document, ...[...document.querySelectorAll('*')].map(x => x.shadowRoot).filter(x => x)];
  const total = roots.map(x => x.querySelector('[data-testid=weights-total]')).find(x => x);
  window.moves = [];
  let moved = 0;
  window.addEventListener('pointermove', e => { moved = e.timeStamp }, true);
  new MutationObserver(() => {
    const from = moved;
    requestAnimationFrame(() => {
      const painted = new MessageChannel();
      painted.port1.onmessage = () => window.moves.push(performance.now() - from);
      painted.port2.postMessage(0);
    });
  }).observe(total, {childList: true, characterData: true, subtree: true});
}
"""

# From letting go to the last change of the document, once the new count stands in the code and nothing has changed for
# half a second.
WATCH_SETTLING = """
() => {
  let changed = 0;
  const everything = {childList: true, characterData: true, subtree: true, attributes: true};
  window.addEventListener('pointerup', e => { window.released = e.timeStamp }, true);
  new MutationObserver(() => { changed = performance.now() }).observe(document.body, everything);
  window.settled = count => {
    const code = document.querySelector('[data-testid=stCode]')?.innerText ?? '';
    const busy = document.querySelector('[data-testid=stStatusWidget], [data-stale=true]');
    const rested = performance.now() - changed > 500;
    return code.includes(`== ${count}`) && !busy && rested ? changed - window.released : null;
  };
}
"""


# From letting a slider go to the frame after another total has come.
WATCH_SLIDES = """
() => {
  window.slides = [];
  const roots = [document, ...[...document.querySelectorAll('*')].map(x => x.shadowRoot).filter(x => x)];
  const total = roots.map(x => x.querySelector('[data-testid=weights-total]')).find(x => x);
  let before = total.textContent;
  let released = 0;
  window.addEventListener('pointerup', e => { released = e.timeStamp }, true);
  new MutationObserver(() => {
    if (total.textContent === before) return;
    before = total.textContent;
    const from = released;
    requestAnimationFrame(() => {
      const painted = new MessageChannel();
      painted.port1.onmessage = () => window.slides.push(performance.now() - from);
      painted.port2.postMessage(0);
    });
  }).observe(total, {childList: true, characterData: true, subtree: true});
}
"""

# From the browser's own timestamp of the pen being lifted to the frame after new answers have come.
WATCH_ANSWERS = """
() => {
  window.answers = [];
  const row = () => [...document.querySelectorAll('*')]
    .map(x => x.shadowRoot?.querySelector('[data-testid=answers] tbody tr')).find(x => x);
  window.addEventListener('pointerup', event => {
    const old = row();
    if (!event.composedPath().some(x => x.dataset?.testid === 'pad')) return;
    const look = () => {
      const now = row();
      if (!now || now === old) return requestAnimationFrame(look);
      const painted = new MessageChannel();
      painted.port1.onmessage = () => window.answers.push(performance.now() - event.timeStamp);
      painted.port2.postMessage(0);
    };
    requestAnimationFrame(look);
  }, true);
}
"""


def first_paint(page: Page) -> float:
    """Return the seconds from starting a server on a fresh home to the count being on the screen."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home, served(home) as server:
        page.goto(server.url)
        page.get_by_test_id("weights-total").filter(has_text="932").wait_for()
        return time.monotonic() - began


def drags(page: Page, url: str, moves: int, count: int) -> tuple[list[float], list[float]]:
    """Drag the handle to and fro; return milliseconds per movement and per settling."""
    page.goto(f"{url}/?n=2")
    page.get_by_test_id("weights-total").filter(has_text="932").wait_for()
    page.locator("[data-testid=stCode]").wait_for()
    page.wait_for_load_state("networkidle")
    page.evaluate(WATCH_MOVES)
    page.evaluate(WATCH_SETTLING)
    box = page.get_by_test_id("width-track").bounding_box()
    assert box
    settlings = []
    for turn in range(count):
        y = box["y"] + box["height"] / 2
        start, end = (0.15, 0.85) if turn % 2 == 0 else (0.85, 0.15)
        page.mouse.move(box["x"] + start * box["width"], y)
        page.mouse.down()
        for step in range(1, moves + 1):
            page.mouse.move(box["x"] + (start + (end - start) * step / moves) * box["width"], y)
        page.mouse.up()
        total = page.get_by_test_id("weights-total").inner_text().replace(",", "_")
        handle = page.wait_for_function("count => window.settled(count)", arg=total, timeout=60_000, polling=50)
        settlings.append(float(handle.json_value()))
    return list(page.evaluate("() => window.moves")), settlings


def slides(page: Page, url: str, count: int) -> list[float]:
    """Set two sliders to one end and to the other; return milliseconds per letting go."""
    page.goto(f"{url}/?family=own&n=2")
    page.get_by_test_id("weights-total").filter(has_text="932").wait_for()
    page.wait_for_load_state("networkidle")
    page.evaluate(WATCH_SLIDES)
    for turn in range(count):
        label = ("Convolutions a block", "Hidden dense layers")[turn // 2 % 2]
        track = page.locator(f'[role=group][aria-label="{label}"] > div').first
        track.scroll_into_view_if_needed()
        place = track.bounding_box()
        assert place
        share = 0.02 if turn % 2 else 0.98
        page.mouse.move(place["x"] + share * place["width"], place["y"] + place["height"] / 2)
        page.mouse.down()
        page.mouse.up()
        page.wait_for_function("n => window.slides.length === n", arg=turn + 1, polling=50)
        page.wait_for_timeout(600)  # so that one does not wait for the page of the one before
    return list(page.evaluate("() => window.slides"))


def drawings(page: Page, url: str, count: int) -> list[float]:
    """Draw a stroke on an empty pad and one more, again and again; return milliseconds per lifted pen."""
    page.goto(f"{url}/draw")
    page.get_by_test_id("pad").wait_for()
    page.wait_for_load_state("networkidle")
    page.evaluate(WATCH_ANSWERS)
    box = page.get_by_test_id("pad").bounding_box()
    assert box
    for turn in range(count):
        if turn % 2 == 0 and turn:
            page.get_by_test_id("pad-clear").click()
            page.get_by_test_id("answers").wait_for(state="detached")
        x, y = (0.5, 0.2) if turn % 2 == 0 else (0.3, 0.3)
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + (1 - y) * box["height"], steps=20)
        page.mouse.up()
        page.wait_for_function("n => window.answers.length === n", arg=turn + 1, polling=50)
    return list(page.evaluate("() => window.answers"))


def train(page: Page, url: str) -> None:
    """Start a long run on the embedded digits or MNIST and wait for its first epoch."""
    page.goto(f"{url}/train?families=cnn&widths_cnn=32&seeds=20")
    page.get_by_role("button", name="Start 20 runs").click()
    page.get_by_text("epoch 2 of 12").first.wait_for(timeout=300_000)


def line(name: str, values: list[float]) -> dict[str, object]:
    """Return p50 and p95 of milliseconds."""
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    return {
        "measure": name,
        "p50_ms": round(statistics.median(values), 1),
        "p95_ms": round(cuts[18], 1),
        "n": len(values),
    }


def main() -> None:
    """Print the figures as a table, or with ``--json`` as one JSON document a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=40, help="movements per drag")
    parser.add_argument("--drags", type=int, default=20, help="drags, each let go once")
    parser.add_argument("--starts", type=int, default=5, help="starts of the server")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows: list[dict[str, object]] = []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as home:
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=OPTIONS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        starts = [first_paint(page) for _ in range(arguments.starts + 1)][1:]  # the first one fills the browser's cache
        rows.append(line("server start to first paint", [1000 * x for x in starts]))
        with served(home) as server:
            url = server.url
            for state in ("idle", "while training"):
                if state == "while training":
                    train(browser.new_page(), url)
                moves, settlings = drags(page, url, arguments.moves, arguments.drags)
                rows.append(line(f"movement to painted total, {state}", moves))
                rows.append(line(f"letting go to page settled, {state}", settlings))
                rows.append(line(f"slider let go to painted total, {state}", slides(page, url, arguments.drags)))
                lifts = drawings(page, url, 2 * arguments.drags)
                rows.append(line(f"pen lifted to painted answers, {state}", lifts))
        browser.close()
    for row in rows:
        print(
            json.dumps(row)
            if arguments.json
            else f"{row['measure']:<44} p50 {row['p50_ms']:>8} ms   p95 {row['p95_ms']:>8} ms   n {row['n']}"
        )


if __name__ == "__main__":
    main()
