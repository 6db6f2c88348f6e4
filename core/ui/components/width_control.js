// The width control of the Explore page. Every number moves here, in the browser; Python hears of a width once it is
// let go. Streamlit calls the default function again, on the same elements, whenever `data` or the theme changes.

const grouped = new Intl.NumberFormat("en-US");
const tenths = new Intl.NumberFormat("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const PAUSE = 150; // milliseconds without a key press before a width counts as let go

// A count is a polynomial [a, b, c], or where none is claimed a table with a value for every width.
const at = (count, n) => Array.isArray(count) ? (count[0] * n + count[1]) * n + count[2] : count.values[n - 1];

// As Polynomial.at and Table.at in Python: 63·2² + 335·2 + 10 = 932, 156 + 2,416 + 850 = 3,422.
function formula(count, n) {
  const total = grouped.format(at(count, n));
  if (!Array.isArray(count)) return `${count.parts[n - 1].map((x) => grouped.format(x)).join(" + ") || "0"} = ${total}`;
  const [a, b, c] = count;
  const terms = [[a, `${n}²`], [b, `${n}`], [c, ""]].filter(([factor]) => factor);
  const written = terms.map(([factor, power]) => (power && factor !== 1 ? `${factor}·${power}` : power || factor));
  return `${written.join(" + ").replaceAll("+ -", "- ") || "0"} = ${total}`;
}

// Return a total against the tutorial's: 1/1,287 or 1/25.3, near it 74.5 % or All, above it 2.1 ×.
function ratio(total, tutorial) {
  if (total === tutorial) return "All";
  if (total >= 2 * tutorial) return `${tenths.format(total / tutorial)} ×`;
  if (total > tutorial / 2) return `${tenths.format((100 * total) / tutorial)} %`;
  const cut = tutorial / total;
  return `1/${cut < 100 ? tenths.format(cut) : grouped.format(Math.round(cut))}`;
}

// Return what is known of a width as [text, accuracy in bold, text]: of itself, or of its neighbours that were trained.
function reading(known, n) {
  const here = known.find(({ width }) => width === n);
  if (here) return ["Reads ", here.accuracy, ` of the test images of ${here.data} (${here.on})`];
  const around = [known.findLast(({ width }) => width < n), known.find(({ width }) => width > n)].filter(Boolean);
  if (!around.length) return ["Not trained yet", "", ""];
  const read = around.map((x) => `n = ${x.width} reads ${x.accuracy}`).join(", ");
  return [`Not trained at n = ${n}; ${read} of ${around[0].data}`, "", ""];
}

function element(tag, className, left, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.style.left = `${left}%`;
  made.textContent = text;
  return made;
}

function view(root) {
  const part = (id) => root.querySelector(`[data-testid="${id}"]`);
  const one = (selector) => root.querySelector(selector);
  const names = ["range", "number", "track", "error", "live"];
  const [range, number, track, error, live] = names.map((name) => part(`width-${name}`));

  let data, send, drawn;
  let n = 1; // the width on show
  let sent = 0; // how many widths were sent to Python; data.seen says how many of them it has read
  let dragging = false;
  let typing = false; // the number box holds text that is not the width on show
  let pause = 0;

  const home = window.location.pathname;

  const position = (width) => (data.max > 1 ? (100 * Math.log(width)) / Math.log(data.max) : 0);
  const limit = (width) => Math.min(Math.max(width, 1), data.max);
  const sentence = () => `${grouped.format(at(data.weights, n))} weights`;
  const spoken = () => `${sentence()}, ${part("weights-ratio").textContent}. ${part("weights-known").textContent}`;

  // The strip's axis: 100 to 2,000,000 weights, longer where the family needs it.
  function ends() {
    const { weights, max, tutorial } = data;
    return [Math.min(100, at(weights, 1)), Math.max(2e6, at(weights, max), tutorial)].map(Math.log);
  }
  function place(weights) {
    const [low, high] = ends();
    return (100 * (Math.log(weights) - low)) / (high - low);
  }

  // Draw what depends on the family.
  function drawScales() {
    range.max = data.max;
    one(".marks").replaceChildren(
      ...data.marks.map((width) => {
        const mark = element("button", "", position(width), width);
        Object.assign(mark, { type: "button", tabIndex: -1, ariaLabel: `Width ${width}` });
        mark.onclick = () => { show(width); commit(); };
        return mark;
      }),
    );
    one(".axis").querySelectorAll(".tick, .mark, .tutorial").forEach((old) => old.remove());
    const [low, high] = ends();
    for (let k = Math.ceil(low / Math.LN10 - 1e-9); k * Math.LN10 <= high; k++) {
      const tick = element("i", "tick", place(10 ** k));
      const label = document.createElement("span");
      label.textContent = k < 3 ? 10 ** k : k < 6 ? `${10 ** (k - 3)}k` : `${grouped.format(10 ** (k - 6))}M`;
      tick.append(label);
      one(".axis").prepend(tick);
    }
    one(".axis").prepend(...data.marks.map((width) => element("i", "mark", place(at(data.weights, width)))));
    one(".axis").prepend(element("i", "tutorial", place(data.tutorial)));
  }

  // Draw what depends on the width.
  function draw() {
    const total = at(data.weights, n);
    part("weights-total").textContent = grouped.format(total);
    const share = ratio(total, data.tutorial);
    one(".ratio b").textContent = share;
    const tutorial = `the tutorial network's ${grouped.format(data.tutorial)} weights`;
    one(".ratio span").textContent = share.endsWith("×") ? tutorial : `of ${tutorial}`;
    const [before, accuracy, after] = reading(data.known, n);
    const bold = document.createElement("b");
    bold.textContent = accuracy;
    part("weights-known").replaceChildren(before, bold, after);
    part("weights-bytes").textContent = `${tenths.format((4 * at(data.kept, n)) / 1000)} kB`;
    part("weights-macs").textContent = grouped.format(at(data.adds, n));
    part("weights-formula").textContent = formula(data.weights, n);
    range.value = n;
    range.ariaValueText = `n = ${n}, ${sentence()}`;
    if (!typing) number.value = n;
    if (live.textContent !== spoken()) live.textContent = ""; // no old count for who reads on; the new one at release
    one(".thumb").style.left = one(".done").style.width = `${position(n)}%`;
    one(".marks").childNodes.forEach((mark) => mark.classList.toggle("now", mark.textContent === String(n)));
    const here = place(total);
    part("weights-here").style.left = `${here}%`;
    Object.assign(one(".label").style, { left: `${here}%`, transform: `translateX(-${here}%)` });
  }

  function complain(message) {
    error.textContent = message;
    number.ariaInvalid = String(message !== "");
  }

  function show(width) {
    n = limit(width);
    typing = false;
    complain("");
    draw();
  }

  // Keep the width in the page's address, as Streamlit's bound widgets do: without an entry in the history.
  function writeUrl() {
    const url = new URL(window.location.href);
    if (url.pathname !== home) return; // Back was pressed, and the page that it leads to is still to come
    if (!data.param || url.searchParams.get(data.param) === String(n)) return;
    url.searchParams.set(data.param, n);
    window.history.replaceState(window.history.state, "", url);
  }

  // Send the width on show, unless Python has it already.
  function commit() {
    clearTimeout(pause);
    pause = 0;
    if (sent > data.seen || n !== data.width) {
      send("width", { width: n, count: ++sent });
      writeUrl();
    }
    live.textContent = spoken();
  }

  function commitSoon() {
    clearTimeout(pause);
    pause = setTimeout(commit, PAUSE);
  }

  function move(width) {
    show(width);
    commitSoon();
  }

  // The handle: the pointer works on the drawn track, the keyboard on the native range beneath it.
  function follow(event) {
    const { left, width } = track.getBoundingClientRect();
    const share = Math.min(Math.max((event.clientX - left) / width, 0), 1);
    show(Math.round(data.max ** share));
  }
  track.onpointerdown = (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    range.focus({ preventScroll: true });
    track.setPointerCapture(event.pointerId);
    clearTimeout(pause); // of a key pressed just before
    pause = 0;
    dragging = true;
    follow(event);
  };
  track.onpointermove = (event) => dragging && follow(event);
  track.onpointerup = () => {
    if (!dragging) return;
    dragging = false;
    commit();
  };
  track.onpointercancel = () => { // a touch that became a scroll
    dragging = false;
    show(data.width);
  };
  range.oninput = () => move(Number(range.value));
  range.onkeydown = (event) => {
    if (event.key !== "PageUp" && event.key !== "PageDown") return;
    event.preventDefault();
    const power = Math.log2(n);
    move(2 ** (event.key === "PageUp" ? Math.floor(power) + 1 : Math.ceil(power) - 1));
  };

  // The number: typed, stepped with the arrow keys or the two buttons.
  number.oninput = () => { typing = true; };
  number.onblur = () => { // typed and taken back: nothing changed
    if (typing && error.textContent === "") show(data.width);
  };
  number.onchange = () => {
    if (!typing) return;
    const text = number.value.trim();
    if (/^-?\d+$/.test(text) && Number(text) === limit(Number(text))) {
      show(Number(text));
      commit();
    } else {
      const short = text.length > 12 ? `${text.slice(0, 12)}…` : text;
      const received = text === "" ? "nothing" : /^-?\d+$/.test(text) ? short : `'${short}'`;
      complain(`Expected a whole number from 1 to ${grouped.format(data.max)}. Received: ${received}.`);
    }
  };
  number.onkeydown = (event) => {
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    move(n + step);
  };
  root.querySelectorAll("[data-step]").forEach((button) => {
    button.onclick = () => move(n + Number(button.dataset.step));
  });

  return {
    update(next, trigger) {
      // Fewer widths read than before: the server began a new session, and ours were lost with the old one.
      if (!data || next.seen < data.seen) sent = next.seen;
      data = next;
      send = trigger;
      const scales = JSON.stringify([data.max, data.marks, data.weights, data.tutorial]);
      if (scales !== drawn) drawScales();
      drawn = scales;
      // A rerun that began before the last width was let go must not pull the handle back; nor may any while the user
      // is at it.
      const busy = dragging || pause !== 0 || (typing && error.textContent === "");
      const settled = !busy && sent <= data.seen;
      if (settled && n !== data.width) show(data.width);
      n = limit(n);
      if (settled && data.problem) complain(data.problem);
      draw();
      if (settled) writeUrl();
    },
    stop: () => clearTimeout(pause),
  };
}

const views = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".control");
  if (!views.has(root)) views.set(root, view(root));
  views.get(root).update(data, setTriggerValue);
  return views.get(root).stop;
}
