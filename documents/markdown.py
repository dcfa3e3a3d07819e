"""Markdown from values that nobody trusts: escaping, tables, links and figures with units.

Text from a PRD, a model or a server enters a document only through these functions. `Md` marks
what is already Markdown; anything else is escaped.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
import urllib.parse
from collections.abc import Iterable, Sequence

from ..domain.identifiers import strip_invisible
from ..domain.redaction import redact

NOT_MEASURED = "not measured"

_NOT_TEXT = ("Cc", "Cs", "Zl", "Zp")
_SPECIAL = re.compile(r"[\\`*\[\]|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_BLOCK_START = re.compile(r"^(#|>|[-+=](?=\s|$|[-+=])|\d+[.)](?=\s|$)|:(?=-)|!)")


class Md(str):
    """A piece of Markdown that is safe as it stands."""

    __slots__ = ()


def clean(text: str) -> str:
    """The text on one line, without secrets, control and invisible characters."""
    # The PRD was redacted when it was read; a design that was given as data was not. A secret has
    # to be found before its characters are escaped.
    text = redact(strip_invisible(text))
    # Controls, surrogates, line separators, and what no XML may hold.
    text = "".join(
        " "
        if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or ord(c) & 0xFFFE == 0xFFFE
        else c
        for c in text
    )
    return " ".join(text.split())


def inline(text: str) -> Md:
    """Free text as Markdown that shows exactly these words, on one line.

    >>> inline("a | b <script> `x`")
    'a \\\\| b &lt;script&gt; \\\\`x\\\\`'
    """
    if isinstance(text, Md):
        return text
    text = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _SPECIAL.sub(lambda match: "\\" + match[0], text)
    # A bare URL would become a link that the reader did not ask for.
    text = text.replace("://", ":&#47;&#47;").replace("www.", "www&#46;")
    start = _BLOCK_START.match(text)
    if start:
        text = text[: start.end() - 1] + "\\" + text[start.end() - 1 :]
    return Md(text)


def code(text: str) -> Md:
    """The text as a code span; safe in a table cell too."""
    text = clean(text)
    if not text:
        return Md("")
    runs = [len(run) for run in re.findall("`+", text)]
    fence = "`" * next(n for n in range(1, len(runs) + 2) if n not in runs)
    pad = " " if text[0] == "`" or text[-1] == "`" else ""
    return Md(f"{fence}{pad}{text}{pad}{fence}")


def cell(text: str) -> str:
    """One cell of a table: escaped unless it is `Md`; pipes inside code spans are escaped too."""
    if isinstance(text, Md):
        return re.sub(r"(?<!\\)\|", r"\\|", text).replace("\n", " ")
    return inline(text)


def codes(names: Iterable[str], empty: str = "–") -> Md:
    """Names as code spans with commas between."""
    return Md(", ".join(code(name) for name in names) or empty)


def joined(parts: Iterable[str], separator: str = " ", empty: str = "") -> Md:
    """Escaped pieces put together."""
    return Md(separator.join(inline(part) for part in parts if part) or empty)


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], empty: str = "None.") -> Md:
    """A table, or the words in `empty` where there are no rows."""
    body = ["| " + " | ".join(cell(value) or " " for value in row) + " |" for row in rows]
    if not body:
        return Md(empty)
    head = "| " + " | ".join(cell(header) for header in headers) + " |"
    return Md("\n".join([head, "|" + " --- |" * len(headers), *body]))


def bullets(items: Iterable[str], empty: str = "None.") -> Md:
    """A list, or the words in `empty` where there are no items."""
    return Md("\n".join(f"- {inline(item)}" for item in items) or empty)


def block(text: str, language: str = "") -> Md:
    """A fenced code block whose content cannot close it."""
    text = redact(strip_invisible(text)).replace("\r", "")
    text = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Md(f"{fence}{language}\n{text.strip(chr(10))}\n{fence}")


def heading_anchor(text: str) -> str:
    """The anchor that GitHub and GitLab give a heading."""
    kept = "".join(c for c in clean(text).lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")


class Linker:
    """Links from one document to the files and records of its workspace."""

    def __init__(self, page: str, ledger: str) -> None:
        self._folder = posixpath.dirname(page)
        self._ledger = self.path(ledger)

    def path(self, target: str) -> str:
        """The target as seen from the page."""
        return posixpath.relpath(target, self._folder or ".")

    def file(self, target: str, words: str = "") -> Md:
        """A link to a file of the workspace."""
        address = urllib.parse.quote(self.path(target), safe="/#")
        return Md(f"[{inline(words or target)}]({address})")

    def evidence(self, ids: Iterable[str]) -> Md:
        """Links to records, `[E-0007](…)`; "" for none."""
        return Md(", ".join(f"[{inline(id)}]({self._ledger})" for id in ids))


def milliseconds(value: float | None) -> str:
    """A duration in ms with three significant figures, or "not measured"."""
    if value is None:
        return NOT_MEASURED
    if value >= 100:
        return f"{value:,.0f} ms"
    return f"{value:.1f} ms" if value >= 10 else f"{value:.2f} ms"


def seconds(value: float | None) -> str:
    """A duration in the unit that a person would say, or "not measured"."""
    if value is None:
        return NOT_MEASURED
    if value == 0:
        return "0 s"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    for limit, unit, divisor in ((120, "s", 1), (3600, "min", 60), (172_800, "h", 3600)):
        if value < limit:
            return f"{value / divisor:.1f} {unit}".replace(".0 ", " ")
    return f"{value / 86_400:.1f} days".replace(".0 ", " ")


def size(value: int | None) -> str:
    """Bytes in a binary unit, or "not measured"."""
    if value is None:
        return NOT_MEASURED
    amount = float(value)
    for unit in ("B", "kiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 table`, `1,200 rows`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
