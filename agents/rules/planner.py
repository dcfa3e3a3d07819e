"""The offline planner: reads a structured PRD by rules, without a model."""

from __future__ import annotations

import re
from importlib import metadata

from ...domain.design import Design, Unread
from ...domain.findings import Failure, Finding
from ...domain.identifiers import strip_invisible
from ...domain.redaction import redact
from ..input import check_text
from ..planner import Proposal
from .book import Book
from .drafts import Drafter
from .fences import read_fences
from .finish import cut_cycles, design_of, index_foreign_keys, pure_associations
from .links import apply_links, read_links
from .markdown import read_blocks
from .structure import Structure
from .vocabulary import Vocabulary

SHAPES_UNDERSTOOD = """\
- a heading per entity, with a table of fields (Field | Type | Required | Notes) below it
- a heading or a bold bullet per entity, with "Fields: a, b (unique), c (optional)"
- a bullet per entity: `- **Order**: number, customer, status (draft, placed, paid)`
- a table with one row per entity (Entity | Fields) or per field (Entity | Field | Type)
- code blocks with CREATE TABLE, Prisma models, DBML tables, Mermaid erDiagram or interfaces
- sentences: "A customer has a name, an email and a phone number. A customer has many orders."
- requirement, SLA, volume, retention and role tables or lists beside them"""


def _version() -> str:
    try:
        return metadata.version("a13")
    except metadata.PackageNotFoundError:
        return "0"


class RulesPlanner:
    """Reads structured PRDs by deterministic rules; needs no model and no network."""

    @property
    def stamp(self) -> str:
        """Who proposes."""
        return f"rules {_version()}, no model"

    def propose(self, prd: str, *, name: str) -> Proposal:
        """Read the PRD. Raises InputError for a text that is empty or not text."""
        return Proposal(design=read_design(prd, name=name, planner=self.stamp))

    def repair(
        self, design: Design, *, findings: tuple[Finding, ...] = (), failure: Failure | None = None
    ) -> Proposal:
        """Answer findings and failures by rule; the same design where there is no answer."""
        return Proposal(design=design)


def read_design(prd: str, *, name: str, planner: str) -> Design:
    """The design that a PRD's text states.

    Steps: intake (secrets and invisible characters out, comments blanked) → blocks → structure
    (entities, raw fields, statements) → drafts → links → rules → quality → workload → coverage.
    """
    book = Book()
    text = _intake(book, prd)
    structure = Structure(book, read_blocks(text))
    read_fences(book, structure.fences)
    vocabulary = Vocabulary(book.entities)
    drafter = Drafter(book, structure.raw, vocabulary)
    links = list(drafter.links)
    for statement in book.statements:
        links.extend(read_links(statement, vocabulary))
    apply_links(book, links, vocabulary.key)
    pure_associations(book)
    cut_cycles(book)
    index_foreign_keys(book)
    return design_of(book, name=name, planner=planner)


def _intake(book: Book, prd: str) -> str:
    """The text without secrets, invisible characters and comments; every line stays in place."""
    text = redact(check_text(prd))
    clean = strip_invisible(text)
    if clean != text:
        line = next(
            n for n, pair in enumerate(zip(text.split("\n"), clean.split("\n"), strict=True), 1)
            if pair[0] != pair[1]
        )  # fmt: skip
        book.assume(
            f"{len(text) - len(clean)} invisible characters are left out (first in line {line})",
            "Zero-width and bidirectional control characters can make two names look the same.",
        )
    # A wrapped line that starts with ">=" is no block quote.
    clean = re.sub(r"(?m)^([ \t]{0,8})>=", r"\1≥", clean)
    return _without_comments(book, clean)


def _without_comments(book: Book, text: str) -> str:
    pieces: list[str] = []
    at = 0
    while (start := text.find("<!--", at)) >= 0:
        end = text.find("-->", start + 4)
        pieces.append(text[at:start])
        if end < 0:
            line = text.count("\n", 0, start) + 1
            book.unread.append(
                Unread(line=line, text=text[start : start + 80], reason="a comment without an end")
            )
            stop = re.compile(r"\n[ \t]*\n").search(text, start)
            end = stop.start() if stop else len(text)
            pieces.append("\n" * text.count("\n", start, end))
            at = end
            continue
        pieces.append("\n" * text.count("\n", start, end))
        at = end + 3
    pieces.append(text[at:])
    return "".join(pieces)
