"""The offline planner: reads a structured PRD by rules, without a model."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import metadata
from itertools import islice

from ...domain.design import Design, Unread
from ...domain.findings import Failure, Finding
from ...domain.identifiers import strip_invisible
from ...domain.redaction import redact
from ..input import check_text
from ..planner import Proposal
from . import comparisons, conditions, deletes, uniqueness
from .book import Book, Statement
from .coverage import requirements_of
from .drafts import Drafter
from .fences import read_fences
from .finish import (
    cut_cycles,
    design_of,
    index_foreign_keys,
    pure_associations,
    resolve_elements,
)
from .implied import implied_references
from .keys import apply_links
from .links import read_links
from .logbook import read_logs
from .markdown import read_blocks
from .prose import read_prose
from .refusals import repair_failure
from .repair import Repair, repair_findings
from .retention import read_retention
from .structure import Structure
from .tenancy import apply_tenancy, find_tenancy, read_privacy, read_role, read_shared
from .uniqueness import settle_pending
from .vocabulary import Vocabulary
from .volumes import Volumes, read_objectives
from .workload import find_people, general_objectives, read_access, read_sla

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
        repair = Repair(design)
        repair_findings(repair, findings)
        if failure is not None:
            repair_failure(repair, failure)
        return Proposal(design=repair.design, changes=tuple(repair.changes))


def read_design(prd: str, *, name: str, planner: str) -> Design:
    """The design that a PRD's text states.

    Steps: intake (secrets and invisible characters out, comments blanked) → blocks → structure
    (entities, raw fields, statements) → drafts → links → rules → quality → workload → coverage.
    """
    book = Book()
    text = _intake(book, prd)
    structure = Structure(book, read_blocks(text))
    if structure.loose:
        # Without a data section, plain sentences are where the data is described.
        for statement in book.statements:
            statement.role = "data" if statement.role == "other" else statement.role
    read_fences(book, structure.fences)
    read_logs(book)
    read_prose(book, structure.raw, loose=structure.loose)
    _key_policy(book)
    vocabulary = Vocabulary(book.entities)
    drafter = Drafter(book, structure.raw, vocabulary)
    _questions(book)
    links = list(drafter.links)
    for statement in book.statements:
        links.extend(read_links(statement, vocabulary))
    apply_links(book, [link for link in links if not link.many], vocabulary.key)
    implied_references(book, vocabulary)
    apply_links(book, links, vocabulary.key)
    _read_rules(book, vocabulary, drafter)
    pure_associations(book)
    _read_quality(book, vocabulary)
    cut_cycles(book)
    apply_tenancy(book)
    for statement in book.statements:
        read_shared(book, vocabulary, statement)
    _drop_weak(book)
    index_foreign_keys(book)
    _read_workload(book, vocabulary)
    workload = general_objectives(book, lambda: design_of(book, name=name, planner=planner))
    requirements = requirements_of(book, vocabulary)
    design = design_of(book, name=name, planner=planner).model_copy(update={"workload": workload})
    return design.model_copy(update={"requirements": resolve_elements(design, requirements)})


def _read_rules(book: Book, vocabulary: Vocabulary, drafter: Drafter) -> None:
    settle_pending(book, vocabulary, drafter.pending)
    subject = ""
    block = -1
    for statement in book.statements:
        if statement.role in _NO_RULES:
            continue
        named = vocabulary.mentions(statement.text[:60])
        if statement.block != block:
            block, subject = statement.block, statement.subject
        if not statement.subject and not named:
            # A sentence that names nothing goes on about what the one before it named.
            statement.subject = subject
        elif named:
            subject = statement.subject or named[0].key
        for clause in _clauses(statement):
            _read_clause(book, vocabulary, statement, clause)


def _clauses(statement: Statement) -> list[Statement]:
    parts = re.split(r";\s+(?!(?:the )?others?\b|otherwise)", statement.text)
    if len(parts) == 1:
        return [statement]
    # The list of elements is shared, so that what a clause serves, its statement serves.
    return [replace(statement, text=part, read=False) for part in parts if part.strip()]


def _read_clause(
    book: Book, vocabulary: Vocabulary, statement: Statement, clause: Statement
) -> None:
    keys = (*uniqueness.READERS, *deletes.READERS)
    if not any(reader(book, vocabulary, clause) for reader in keys):
        for reader in (*conditions.READERS, *comparisons.READERS):
            reader(book, vocabulary, clause)
    if clause.read and clause is not statement:
        statement.understood.append(clause.text)
        statement.read, statement.kind = True, clause.kind


_NO_RULES = frozenset("people skip overview questions interface sla volume retention roles".split())


def _read_quality(book: Book, vocabulary: Vocabulary) -> None:
    volumes = Volumes(book, vocabulary)
    for statement in book.statements:
        if statement.role in ("skip", "questions", "people"):
            continue
        find_tenancy(book, vocabulary, statement)
        read_objectives(book, statement)
        read_retention(book, vocabulary, statement)
        read_privacy(book, vocabulary, statement)
        read_role(book, vocabulary, statement)
        volumes.read(statement)
    volumes.settle()


def _read_workload(book: Book, vocabulary: Vocabulary) -> None:
    asked = (s for s in book.statements if s.role in ("requirements", "access"))
    book.wishes = [s for s in islice(asked, 500) if vocabulary.mentions(s.text)]
    find_people(book)
    for reader in (read_sla, read_access):
        for statement in book.statements:
            if statement.role not in ("skip", "questions", "people"):
                reader(book, vocabulary, statement)


_UUID = re.compile(
    r"\b(?:all|every|each)\b.{0,40}\b(?:ids?|identifiers?|primary keys?|keys?)\b.{0,20}\buuid"
    r"|\buuids?\b.{0,30}\b(?:as|for)\b.{0,20}\b(?:ids?|identifiers|primary keys?)\b", re.I,
)  # fmt: skip


def _key_policy(book: Book) -> None:
    """A sentence about all keys: "all ids are UUIDs"."""
    for statement in book.statements:
        if statement.role not in ("skip", "people") and _UUID.search(statement.text):
            book.uuid_keys = statement.source
            statement.serve("rule")
            return


_OPEN = re.compile(
    r"\bTBD\b|\bTBC\b|\?\?\?|\bto be (?:decided|determined|confirmed|clarified|defined|discussed)\b"
    r"|\bNEEDS CLARIFICATION\b", re.I,
)  # fmt: skip


def _questions(book: Book) -> None:
    """What the PRD itself leaves open, as questions."""
    for statement in book.statements:
        if statement.role == "skip":
            continue
        if statement.role == "questions" or _OPEN.search(statement.text):
            text = re.sub(r"\[?NEEDS CLARIFICATION:?\s*|\]$", "", statement.text).strip()
            book.ask(
                f"Line {statement.line}: {text[:300]}", source=statement.source,
                default="The design follows what the rest of the PRD states.",
            )  # fmt: skip


def _drop_weak(book: Book) -> None:
    """Leave out headings that turned out to be no entity: no fields and no references."""
    referenced = {k.references for d in book.drafts.values() for k in d.foreign_keys}
    for key, entity in list(book.entities.items()):
        draft = book.drafts.get(key)
        if draft is None or entity.fields or draft.foreign_keys or draft.name in referenced:
            continue
        if not entity.weak and len(draft.columns) > 1:
            continue
        del book.drafts[key]
        book.unread.append(
            Unread(
                line=entity.source.line, text=entity.source.quote, reason="no fields found for it"
            )
        )


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
