from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from core.ui.markdown import JOINER, plain

# What each of these would become on a page: links, pictures, formulas, icons, colours, emoji, lists, headings, code.
HOSTILE = (
    "[x](javascript:alert(1))",
    "![x](http://evil.example/a.png)",
    "<b>bold</b>",
    "$x$",
    ":material_home:",
    ":material/home:",
    ":streamlit:",
    ":smile:",
    ":red[x]",
    "**bold**",
    "__bold__",
    "_a_ b_c",
    "`code`",
    "~~gone~~",
    "# heading",
    "- item",
    "12. item",
    "> quote",
    "---",
    "a -> b >= c",
    "<-> x",
    "www.evil.example",
    "http://evil.example",
    "me@evil.example",
    "&lt; &#58;",
    "a\\*b",
    "[x]: y",
)
# What Streamlit's pages look for in text that is parsed already, and at what they look before they load emoji.
FINISHED = (
    re.compile(r":material_\w+:|:streamlit:"),
    re.compile(r"(^|\s)(<->|->|<-|--|>=|<=|~=)(\s|$)"),
    re.compile(r"https?://|www\.|[-.\w+]@[-\w]+\.[-\w]", re.IGNORECASE),
)
SOURCE = (
    re.compile(r":[\w+-][\w+-]*:"),
    re.compile(r":material/"),
    re.compile(r":[a-zA-Z][\w-]*[\[{]"),
    re.compile(r"\$"),
)
READER = MarkdownIt("commonmark").enable(["strikethrough", "table"])

text = st.text(st.sampled_from("ab1 \t\n\\`*_{}[]()<>#+-.!|~$:&=@/'\"é😄\u202e\x00") | st.characters(), max_size=40)
words = st.lists(st.sampled_from((*HOSTILE, "a", " ", "_", "w.", "<-", "\n")), max_size=5).map("".join)


def shown(written: str) -> str:
    """Return what a page shows of Markdown, without what nobody sees; fails on any markup."""
    (match,) = re.findall(r"\A<p>(.*)</p>\n\Z", READER.render(written), re.DOTALL) or ["not one bare paragraph"]
    assert not re.search(r"<\w", match), match
    return html.unescape(match)


def each_hostile(test: Callable[[str], None]) -> Callable[[str], None]:
    """Try every hostile name, whatever else is drawn."""
    for name in HOSTILE:
        test = example(name)(test)
    return test


@given(text | words)
@each_hostile
def test_markdown_reads_as_the_text_itself(given: str) -> None:
    wanted = "".join(x if x.isprintable() else " " if x.isspace() else "\ufffd" for x in given.strip())
    written = plain(given)
    assert "\n" not in written
    for found in SOURCE:
        assert not found.search(written)
    if not wanted.strip():
        return
    finished = shown(written)
    assert finished.replace(JOINER, "").strip() == wanted.replace(JOINER, "").strip()
    for found in FINISHED:
        assert not found.search(finished)


@pytest.mark.parametrize("name", HOSTILE)
def test_it_stands_in_the_middle_of_a_sentence_too(name: str) -> None:
    written = f"**The set** {plain(name)} is **not** at hand."
    rendered = READER.render(written).replace("<strong>", "").replace("</strong>", "")
    assert html.unescape(rendered).replace(JOINER, "") == f"<p>The set {name} is not at hand.</p>\n"


@pytest.mark.parametrize(
    "sentence",
    [
        "Invalid width for family 'cnn'. Expected a whole number from 1 to 512. Received: 0.",
        "The file /data/my-digits_2.npz is not usable (12.5 %): see FEATHERWEIGHT_HOME.",
        "3 of 5 seeds, 97.04 ± 0.15 %",
    ],
)
def test_ordinary_sentences_stay_as_they_are_and_can_be_copied(sentence: str) -> None:
    assert plain(sentence) == sentence
