// Streamlit gives the browser's history an entry for every choice that the server writes into the page's address. Here
// an address of the same page takes the place of the one before, so that Back goes back a page.
//
// One address of the same page is wrong: at a link from a page with widgets bound to its address, Streamlit tells the
// next page's parameters before the next page's name. What the address was at the click is put back then.
//
// After Back or Forward the browser is at the other page at once, and what the server still says of the page before
// takes Streamlit there and back again: until the user does something, that makes no entries either.

const DONE = Symbol.for("featherweight.history");

function keepPagesOnly({ document, history, location }) {
  const push = history.pushState.bind(history);
  const path = (url) => new URL(url ?? "", document.baseURI).pathname;
  let left = null; // the address of the page that a link leaves
  let returned = false; // by Back or Forward, and nothing has been done since

  history.pushState = (state, unused, url) => {
    if (returned || path(url) === location.pathname) {
      history.replaceState(state, unused, url);
      return;
    }
    if (left && path(left) === location.pathname) history.replaceState(state, unused, left);
    left = null;
    push(state, unused, url);
  };
  document.addEventListener("click", (event) => {
    const again = event.detail > 1; // a double click's second one: the address may have changed since the first
    if (event.target.closest?.("a[href]") && !again) left = location.href;
    returned = false;
  }, true);
  document.addEventListener("keydown", () => { returned = false; }, true);
  window.addEventListener("popstate", () => { left = null; returned = true; });
}

export default function () {
  if (window.history[DONE]) return; // every page draws this, in one document
  window.history[DONE] = true;
  keepPagesOnly(window);
}
