// What the networks answer, as a table with a little bar for every class. Read only: Python sends new rows.

const MOST_LABELS = 12; // more do not fit over the bars
const MOST_LETTERS = 24; // over all bars, of names as long as the longest; more stand on end

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function row({ weights, name, choice, sure, shares, right, words }) {
  const made = document.createElement("tr");
  const network = element("th", "network");
  network.scope = "row";
  network.append(element("b", "", weights), element("span", "", name));
  const cell = element("td", `choice${choice.length > 2 ? " wordy" : ""}`);
  cell.append(element("b", "", choice));
  if (right !== null) {
    const mark = element("i", right ? "right" : "wrong", right ? "✓" : "✗");
    Object.assign(mark, { role: "img", ariaLabel: right ? "right" : "wrong" });
    cell.append(mark);
  }
  const bars = element("div", "bars");
  Object.assign(bars, { role: "img", ariaLabel: words, title: words });
  const highest = Math.max(...shares);
  bars.append(
    ...shares.map((share) => {
      const bar = element("i", share === highest ? "first" : "");
      bar.style.setProperty("--share", `${100 * share}%`);
      return bar;
    }),
  );
  const last = document.createElement("td");
  last.append(bars);
  made.append(network, cell, element("td", "sure", sure), last);
  return made;
}

export default function ({ data, parentElement }) {
  const longest = Math.max(...data.labels.map((label) => label.length));
  const labels = data.labels.length > MOST_LABELS ? [] : data.labels;
  const scale = parentElement.querySelector(".scale");
  scale.classList.toggle("upright", longest * labels.length > MOST_LETTERS);
  parentElement.querySelector(".answers").classList.toggle("named", longest > 2);
  scale.replaceChildren(
    ...labels.map((label, index) => element("span", index === data.truth ? "truth" : "", label)),
  );
  parentElement.querySelector("tbody").replaceChildren(...data.rows.map(row));
}
