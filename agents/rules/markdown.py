"""Markdown as blocks with 1-based line numbers.

The block structure comes from markdown-it; inline mark-up is kept raw in the blocks and taken off
by `plain`, so that the place of a word in the text still tells its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token


@dataclass(slots=True)
class Heading:
    """A heading: level 1 to 6."""

    level: int
    text: str
    line: int


@dataclass(slots=True)
class Paragraph:
    """A run of text lines."""

    text: str
    line: int


@dataclass(slots=True)
class Item:
    """An item of a list, with what is nested in it."""

    text: str
    line: int
    children: list[Block] = field(default_factory=list)


@dataclass(slots=True)
class Bullets:
    """A list, ordered or not."""

    items: list[Item]
    line: int


@dataclass(slots=True)
class Row:
    """A row of a table; the cells are raw text."""

    cells: list[str]
    line: int


@dataclass(slots=True)
class Table:
    """A table with its header's cells."""

    header: list[str]
    rows: list[Row]
    line: int


@dataclass(slots=True)
class Fence:
    """A fenced or indented block of code; `line` is that of its first line of code."""

    info: str
    code: str
    line: int


Block = Heading | Paragraph | Bullets | Table | Fence


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"maxNesting": 20}).enable("table")
    # An indented line in a PRD is a careless list far more often than it is code.
    parser.disable("code")
    parser.core.ruler.disable(["inline", "text_join"], True)
    return parser


def read_blocks(text: str) -> list[Block]:
    """The blocks of the text in order."""
    return _Reader(_parser().parse(text)).blocks


class _Reader:
    """Folds the flat list of tokens into blocks, without recursion."""

    def __init__(self, tokens: list[Token]) -> None:
        self.blocks: list[Block] = []
        self._lists: list[Bullets] = []
        self._items: list[Item] = []
        self._level = 0
        self._line = 1
        self._table: Table | None = None
        self._row: Row | None = None
        self._head = False
        for token in tokens:
            self._take(token)

    def _into(self) -> list[Block]:
        return self._items[-1].children if self._items else self.blocks

    def _take(self, token: Token) -> None:
        if token.map:
            self._line = token.map[0] + 1
        kind = token.type
        if kind == "heading_open":
            self._level = int(token.tag[1])
        elif kind == "heading_close":
            self._level = 0
        elif kind == "inline":
            self._text(token.content)
        elif kind in ("bullet_list_open", "ordered_list_open"):
            bullets = Bullets([], self._line)
            self._into().append(bullets)
            self._lists.append(bullets)
        elif kind in ("bullet_list_close", "ordered_list_close"):
            self._lists.pop()
        elif kind == "list_item_open":
            item = Item("", self._line)
            self._lists[-1].items.append(item)
            self._items.append(item)
        elif kind == "list_item_close":
            self._items.pop()
        elif kind == "table_open":
            self._table = Table([], [], self._line)
            self._into().append(self._table)
        elif kind == "table_close":
            self._table = None
        elif kind == "thead_open":
            self._head = True
        elif kind == "thead_close":
            self._head = False
        elif kind == "tr_open" and self._table is not None and not self._head:
            self._row = Row([], self._table.line + 2 + len(self._table.rows))
            self._table.rows.append(self._row)
        elif kind in ("fence", "code_block"):
            first = self._line + (1 if kind == "fence" else 0)
            self._into().append(Fence(token.info.strip(), token.content, first))

    def _text(self, content: str) -> None:
        if self._table is not None:
            if self._head:
                self._table.header.append(content)
            elif self._row is not None:
                self._row.cells.append(content)
        elif self._level:
            self.blocks.append(Heading(self._level, content, self._line))
        elif self._items and not self._items[-1].text and not self._items[-1].children:
            self._items[-1].text = content
            self._items[-1].line = self._line
        else:
            self._into().append(Paragraph(content, self._line))


_LINK = re.compile(r"!?\[([^\[\]\n]{0,200})\]\([^()\s]{0,500}\)")
_STRUCK = re.compile(r"~~[^~\n]{0,500}~~")
_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9]{0,15}(?: [^<>\n]{0,200})?/?>")
_EMPHASIS = re.compile(r"(?<![A-Za-z0-9_*])[*_](?=[^\s*_])|(?<=[^\s*_])[*_](?![A-Za-z0-9_*])")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|<>~])")


def plain(raw: str) -> str:
    """The text without inline mark-up; line breaks stay where they are. Struck text is left out."""
    text = raw
    if "~~" in text:
        text = _STRUCK.sub("", text)
    if "](" in text:
        text = _LINK.sub(r"\1", text)
    text = text.replace("**", "").replace("`", "").replace("__", "") if _marked(text) else text
    if "<" in text:
        text = _TAG.sub(" ", text)
    if "*" in text or "_" in text:
        text = _EMPHASIS.sub("", text)
    if "\\" in text:
        text = _ESCAPE.sub(r"\1", text)
    return text


def _marked(text: str) -> bool:
    return "**" in text or "`" in text or "__" in text


_LEAD = re.compile(
    r"\s*(?:\[[ xX]\]\s*)?(?:\*\*([^*\n]{1,200})\*\*|__([^_\n]{1,200})__|`([^`\n]{1,200})`)(.*)",
    re.DOTALL,
)


def leading_mark(raw: str) -> tuple[str, str] | None:
    """The bold or code words a text starts with, and the rest: `**Name**: rest` → (Name, ": rest").

    A colon inside the mark (`**Name:** rest`) goes to the rest.
    """
    match = _LEAD.match(raw)
    if match is None:
        return None
    name = (match[1] or match[2] or match[3]).strip()
    rest = match[4]
    if name.endswith(":"):
        name, rest = name[:-1].rstrip(), ":" + rest
    return plain(name), rest


_SENTENCE_END = re.compile(r"[.!?](?=\s)|[。！？]|\n(?=\s*\n)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|approx|incl|max|min|no|nr|ca|dr|mr|mrs)|\b[A-Z])\.$", re.I
)
_PARENTHESIS = 400


def sentences(text: str, line: int) -> Iterator[tuple[int, str]]:
    """The sentences of a text with the line each starts on, line breaks kept.

    None ends inside a parenthesis.
    """
    start = 0
    at = line
    open_since = -1
    depth = scanned = 0
    for end in [match.end() for match in _SENTENCE_END.finditer(text)] + [len(text)]:
        for place in range(scanned, end):
            if text[place] == "(":
                depth += 1
                open_since = place if depth == 1 else open_since
            elif text[place] == ")" and depth:
                depth -= 1
        scanned = end
        if depth and end < len(text):
            if end - open_since < _PARENTHESIS and text.find(")", end, end + _PARENTHESIS) >= 0:
                continue
            depth = 0
        if end < len(text) and _ABBREVIATION.search(text[max(start, end - 8) : end]):
            continue
        piece = text[start:end]
        if piece.strip():
            lead = len(piece) - len(piece.lstrip())
            yield at + piece[:lead].count("\n"), piece.strip()
        at += piece.count("\n")
        start = end
