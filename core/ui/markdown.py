"""Text that is no markup: how a name or a sentence from outside enters what Streamlit draws as Markdown.

Labels, captions, messages, progress bars and tooltips are Markdown to Streamlit, with shortcodes of its own beside it.
A file may be called ``[x](y)``, ``$a$`` or ``:smile:``, and an address may hold anything; on the page it must read the
same.
"""

from __future__ import annotations

import re

JOINER = "\u2060"  # the word joiner: no width, no break

# What begins markup, and what would begin it only at the start of a line or of a word.
_MARKUP = re.compile(r"[\\`*\[\]<>$~&|]|(?<![^\W_])_|_(?![^\W_])|:(?=[\w+\-/])|!(?=\[)|^[#+=\-]|^\d+[.)]")
# What Streamlit and its Markdown look for in finished text, where no escape is left to be seen: symbols that it makes
# icons, arrows and the like of, and addresses that it makes links of. Each is cut in two by what nobody sees.
_FINISHED = re.compile(
    r"(?<=:)(?=material_\w+:|streamlit:)"
    r"|(?<=\s[<>~-])(?=[=-])|(?<=^[<>~-])(?=[=-])|(?<=\s-)(?=>)|(?<=^-)(?=>)"
    r"|(?<=http:)(?=//)|(?<=https:)(?=//)|(?<=www)(?=\.)|(?<=[\w.+-])(?=@)",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """Return Markdown that Streamlit draws as the text itself, on one line; what cannot be printed is ``�``."""
    line = "".join(x if x.isprintable() else " " if x.isspace() else "\ufffd" for x in text.strip())
    pieces = (_MARKUP.sub(lambda x: f"{x[0][:-1]}&#{ord(x[0][-1])};", x) for x in _FINISHED.split(line))
    return JOINER.join(pieces)
