// The pad of the Draw page. Strokes live here as points in units of the pad's side; Python hears of them when the pen is
// lifted, and answers with the picture that the networks see. Streamlit calls the default function again, on the same
// elements, whenever `data` changes.

const UNITS = 1000; // the side of the pad, in which points are kept
const PEN = 84; // as wide as MNIST's, for a digit that fills the pad as people fill it
const STEP = 4; // a pointer that has moved less than this adds no point

const bytes = (text) => Uint8ClampedArray.from(atob(text), (c) => c.charCodeAt(0));

function text(values) {
  let binary = "";
  for (let i = 0; i < values.length; i += 8192) binary += String.fromCharCode(...values.subarray(i, i + 8192));
  return btoa(binary);
}

// Draw strokes, each a flat list x, y, x, y, ..., white on black; through the middles between points, so that curves are
// round.
function ink(canvas, strokes) {
  const pen = canvas.getContext("2d");
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.scale(canvas.width / UNITS, canvas.height / UNITS);
  Object.assign(pen, { strokeStyle: "#fff", lineWidth: PEN, lineCap: "round", lineJoin: "round" });
  for (const points of strokes) {
    const [x, y] = points;
    pen.beginPath();
    pen.moveTo(x, y);
    for (let i = 2; i + 3 < points.length; i += 2) {
      const [x1, y1, x2, y2] = points.slice(i, i + 4);
      pen.quadraticCurveTo(x1, y1, (x1 + x2) / 2, (y1 + y2) / 2);
    }
    pen.lineTo(points.at(-2) + 0.01, points.at(-1)); // a little aside: a line to the same point draws no dot everywhere
    pen.stroke();
  }
}

// Draw the picture that the networks see: bytes of height x width x channels, one screen pixel of the canvas each.
function show(canvas, { pixels, height, width, channels }) {
  const values = bytes(pixels);
  canvas.width = width;
  canvas.height = height;
  canvas.style.aspectRatio = `${width} / ${height}`;
  const picture = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) picture.data[4 * i + c] = values[channels === 3 ? 3 * i + c : i];
    picture.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

function view(root) {
  const one = (selector) => root.querySelector(selector);
  const paper = one(".paper");
  const [undo, clear] = ["undo", "clear"].map((name) => one(`[data-testid="pad-${name}"]`));

  let data, send;
  let strokes = [];
  let sent = 0; // how many drawings were sent to Python; data.seen says how many of them it has read
  let pointer = null; // the one that draws; a palm beside the pen does not

  function draw() {
    const side = Math.round(paper.clientWidth * window.devicePixelRatio);
    if (side && paper.width !== side) paper.width = paper.height = side;
    ink(paper, strokes);
    one(".hint").hidden = strokes.length > 0;
    undo.disabled = clear.disabled = strokes.length === 0;
  }

  function commit() {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = data.side;
    ink(canvas, strokes);
    const { data: values } = canvas.getContext("2d").getImageData(0, 0, data.side, data.side);
    const grey = Uint8Array.from({ length: data.side ** 2 }, (_, i) => values[4 * i]);
    send("drawing", { image: text(grey), strokes, count: ++sent });
  }

  function follow(event) {
    const { left, top, width, height } = paper.getBoundingClientRect();
    const x = Math.round((UNITS * (event.clientX - left)) / width);
    const y = Math.round((UNITS * (event.clientY - top)) / height);
    const points = strokes.at(-1);
    if (points.length && Math.hypot(x - points.at(-2), y - points.at(-1)) < STEP) return;
    points.push(x, y);
  }
  paper.onpointerdown = (event) => {
    if (event.button !== 0 || pointer !== null) return;
    event.preventDefault();
    paper.setPointerCapture(event.pointerId);
    pointer = event.pointerId;
    strokes = [...strokes, []];
    follow(event);
    draw();
  };
  paper.onpointermove = (event) => {
    if (event.pointerId !== pointer) return;
    const between = event.getCoalescedEvents?.() ?? [];
    (between.length ? between : [event]).forEach(follow);
    draw();
  };
  paper.onpointerup = (event) => {
    if (event.pointerId !== pointer) return;
    pointer = null;
    commit();
  };
  paper.onpointercancel = (event) => { // the pen came, and the touch was a palm
    if (event.pointerId !== pointer) return;
    pointer = null;
    strokes = strokes.slice(0, -1);
    draw();
  };
  function change(next) {
    if (pointer !== null || !strokes.length) return;
    strokes = next;
    draw();
    commit();
  }
  undo.onclick = () => change(strokes.slice(0, -1));
  clear.onclick = () => change([]);

  const resized = new ResizeObserver(draw);
  resized.observe(paper);

  return {
    update(next, trigger) {
      // Fewer drawings read than before: the server began a new session, and ours were lost with the old one.
      if (!data || next.seen < data.seen) sent = next.seen;
      data = next;
      send = trigger;
      root.classList.toggle("given", !data.draw);
      one(".sheet").hidden = one(".buttons").hidden = !data.draw;
      // A rerun that began before the pen was last lifted must not take strokes away.
      if (pointer === null && sent <= data.seen) strokes = data.strokes;
      draw();
      one("figure").hidden = !data.draw && !data.picture;
      const blank = { pixels: "", height: 28, width: 28, channels: 1 };
      const seen = one(".seen");
      show(seen, data.picture ?? blank);
      seen.ariaLabel = data.picture ? data.picture.words : "Nothing yet";
      const { height, width } = data.picture ?? blank;
      one("figcaption span").textContent = `${height}×${width}`;
    },
  };
}

const views = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".pad");
  if (!views.has(root)) views.set(root, view(root));
  views.get(root).update(data, setTriggerValue);
}
