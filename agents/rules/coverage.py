"""Coverage: every thing that the PRD asks for as a requirement, with what in the design serves it.

Requirements with ids keep them; other statements are numbered R-001, R-002, … in the order of
their lines. A requirement that was not understood but names entities is served by their
relations only where it asks to store them, by a query only where one answers it; otherwise it
stays open and its line is listed as not understood.
"""

from __future__ import annotations

import re

from ...domain.design import Unread
from ...domain.requirements import Requirement, RequirementKind
from ...domain.workload import states_latency
from .answers import answering_query, asks_to_act, kept_relations, why_unserved
from .book import Book, Statement
from .elements import relation_ref
from .lexicon import NOT_DATA, SURFACE
from .sections import DATA_ROLES
from .vocabulary import Vocabulary

_RULE = re.compile(
    r"\b(?:must not|must never|cannot|can't|never|only|at most|at least|not be|may not|no more "
    r"than|exactly|unless|limit\w*|"
    r"sum of|expires?|nobody|always|forgiven)\b", re.I,
)  # fmt: skip
# What is said about a field and asks for something; anything else describes it.
_ASKS = re.compile(
    r"^(?:not|no|within|before|after|until|when|if|up to|max\w*|min\w*|same|different|valid|"
    r"exactly|either|longer|shorter|more|less|in the)\b|"
    r"\b(?:future|past|unique|must|should|shall|regardless|case|between|format|pattern|regex|"
    r"starts? with|ends? with|begins? with|multiple of|negative|positive|greater|required|"
    r"mandatory|immutable|unchanged|changes?|changed|validated|computed|calculated|derived|"
    r"capitali[sz]ed|trimmed|read[- ]only|append[- ]only|unchangeable|"
    r"increment\w*|encrypted|hashed|references?|default)\b|[<>=≥≤]|(?<![\w.])\d", re.I,
)  # fmt: skip
_STANDARD = re.compile(r"\b(?:ISO|RFC|IEC|EN|DIN|IETF BCP)[ -]?\d[\d-]*|\bE\.164", re.I)
_CLOCK = re.compile(
    r"\b(?:not |never )?in the (?:future|past)\b|\b(?:before|after|until|not later than|no later "
    r"than) (?:today|now|the current date)\b", re.I,
)  # fmt: skip
# How the product is run is no matter of the design: "availability: 99.5 % per month".
_OPERATION = re.compile(r"\b(?:availability|uptime)\b.{0,40}\d|\bstored in the (?:eu|us)\b", re.I)
_OUTSIDE = re.compile(
    r"\b(?:email|sms|notification|notify|reminder|uptime|availability|backup|hashed by the "
    r"application|single sign|hosting|"
    r"stored in the eu|browser|encrypted in transit|tls|https|deploy\w*|working hours|rehearsed|"
    r"logs? in)\b", re.I,
)  # fmt: skip


# What is asked is more than what was found for it.
_AUDITED = re.compile(
    r"\b(?:every|each|all|any)\b[^.]{0,60}\b(?:change|read|access|update|edit|deletion|action|view)"
    r"\w*\b[^.]{0,80}\b(?:written|logged|recorded|audited|traced)\b", re.I,
)  # fmt: skip
_MINIMUM = re.compile(r"\b(?:at least one|one or more)\b|\b1\.\.(?:n|\*)", re.I)


def requirements_of(book: Book, vocabulary: Vocabulary) -> tuple[Requirement, ...]:
    """The requirements in the order of their lines; also lists what was not understood."""
    for statement in book.statements:
        _not_beyond(book, statement)
        _unread_latency(book, statement)
    entries: list[tuple[int, str, RequirementKind, str, list[str], bool, Statement | None]] = []
    for draft in book.drafts.values():
        if draft.sources:
            source = draft.sources[0]
            entries.append(
                (source.line, "", "entity", source.quote, [relation_ref(draft)], True, None)
            )
    merged: dict[tuple[str, int], Statement] = {}
    for statement in book.statements:
        if statement.context:
            continue
        if statement.requirement:
            known = merged.get((statement.requirement, statement.block))
            if known is not None:
                known.elements.extend(e for e in statement.elements if e not in known.elements)
                known.text = f"{known.text} {statement.text}"[:600]
                known.read |= statement.read
                continue
            merged[(statement.requirement, statement.block)] = statement
            continue
        if statement.read:
            _unread_clauses(book, vocabulary, statement)
            entries.append(
                (statement.line, "", statement.kind, statement.text, statement.elements,
                 statement.about_data, statement)
            )  # fmt: skip
        else:
            _unread(book, vocabulary, statement)
    for (ident, _), statement in merged.items():
        line = statement.line
        _weigh(book, vocabulary, statement)
        entries.append(
            (
                line,
                ident,
                statement.kind,
                statement.text,
                statement.elements,
                statement.about_data,
                statement,
            )
        )
    # An association or a log is stated by a sentence that is a requirement itself.
    said = {
        (entry[0], element) for entry in entries if entry[6] is not None for element in entry[4]
    }
    entries = [e for e in entries if e[6] is not None or (e[0], e[4][0]) not in said]
    entries.sort(key=lambda entry: entry[0])
    return tuple(_numbered(entries))


def _not_beyond(book: Book, statement: Statement) -> None:
    """Take back what was found for a sentence that asks for more than that does."""
    found = {element.partition(":")[0] for element in statement.elements}
    if not found:
        return
    if found <= {"relation"} and _AUDITED.search(statement.text):
        reason = "nothing fills the log yet: audit trails are not built by this release"
    elif statement.requirement and statement.kind == "volume" and asks_to_act(statement.text):
        reason = why_unserved(statement.text)
    elif statement.kind == "relationship" and _MINIMUM.search(statement.text):
        if not statement.requirement:
            book.assume(
                "A stated minimum of related rows is left to the application.",
                "No constraint of a table can demand that another table holds a row.",
                *statement.elements,
            )
            return
        reason = "a minimum of related rows, which no constraint of the design enforces"
    else:
        return
    statement.elements.clear()
    statement.beyond = True
    book.unread.append(Unread(line=statement.line, text=statement.text[:200], reason=reason))


def _unread_clauses(book: Book, vocabulary: Vocabulary, statement: Statement) -> None:
    """List what a sentence of relationships says behind a semicolon and no reader understood."""
    if statement.kind != "relationship" or "; " not in statement.text:
        return
    for clause in statement.text.split("; ")[1:]:
        rule = _RULE.search(clause) or re.search(r"\bmust\b", clause)
        if clause in statement.understood or (vocabulary.mentions(clause) and not rule):
            continue
        book.unread.append(Unread(line=statement.line, text=clause[:200], reason="no fact found"))


def _unread_latency(book: Book, statement: Statement) -> None:
    """List a line with a response time that became no objective, whatever else it became."""
    if statement.kind == "sla" or statement.column or not states_latency(statement.text):
        return
    if any(element.startswith(("objective:", "constraint:")) for element in statement.elements):
        return
    statement.beyond = True
    book.unread.append(
        Unread(line=statement.line, text=statement.text[:200], reason="a response time not read")
    )


def _numbered(
    entries: list[tuple[int, str, RequirementKind, str, list[str], bool, Statement | None]],
) -> list[Requirement]:
    from .book import cite

    result: list[Requirement] = []
    seen: dict[str, int] = {}
    number = 0
    for line, ident, kind, text, elements, about_data, _ in entries:
        if not ident:
            number += 1
            ident = f"R-{number:03}"
        seen[ident] = seen.get(ident, 0) + 1
        if seen[ident] > 1:
            ident = f"{ident}.{seen[ident]}"
        result.append(
            Requirement(
                id=ident, kind=kind, text=" ".join(text.split())[:400], source=cite(line, text),
                elements=tuple(elements), about_data=about_data,
            )
        )  # fmt: skip
    return result


def _weigh(book: Book, vocabulary: Vocabulary, statement: Statement) -> None:
    """Decide what a requirement with an id is about, where no reader understood it."""
    if statement.elements or statement.beyond or not statement.about_data:
        return
    text = statement.text
    words = set(re.findall(r"[a-z][a-z-]+", text.lower()))
    mentions = vocabulary.mentions(text)
    shown = words & (SURFACE if mentions else NOT_DATA)
    if statement.role == "interface" or shown:
        statement.about_data = False
        return
    if statement.kind == "sla":
        return
    if not mentions:
        if _OUTSIDE.search(text):
            statement.about_data = False
        else:
            book.ask(
                f"Which data does {statement.requirement} concern: "
                f"'{statement.source.quote[:100]}'?",
                source=statement.source, default="Nothing in the design serves it.",
            )  # fmt: skip
        return
    if _RULE.search(text):
        book.unread.append(
            Unread(
                line=statement.line,
                text=text[:200],
                reason="a rule that is not enforced by the design",
            )
        )
        return
    query = answering_query(book, text, mentions)
    if query is not None:
        statement.serve("access", f"query:{query}")
        return
    kept = kept_relations(book, text, mentions)
    if kept:
        statement.elements.extend(kept)
        statement.kind = "access" if statement.kind == "other" else statement.kind
        return
    book.unread.append(Unread(line=statement.line, text=text[:200], reason=why_unserved(text)))


def _unread(book: Book, vocabulary: Vocabulary, statement: Statement) -> None:
    """List a sentence of a data section that no reader understood."""
    if statement.beyond:
        return
    if statement.role not in DATA_ROLES or statement.role == "recovery":
        return
    text = statement.text.strip()
    if statement.column and not _RULE.search(text) and not _ASKS.search(_STANDARD.sub("", text)):
        draft = book.drafts.get(statement.subject)
        column = draft.columns.get(statement.column) if draft else None
        if column is not None:
            column.comment = (
                f"{column.comment}; {text}".strip("; ")
                if text not in column.comment
                else column.comment
            )
        return
    if statement.subject and not statement.column and _describes(statement, text):
        return
    if text.endswith(":") or len(text) < 4:
        return
    if _OPERATION.search(text) and not vocabulary.mentions(text):
        return
    if _CLOCK.search(text):
        reason = "it depends on the time of writing, which is left to the application"
    elif _RULE.search(text) or statement.column:
        reason = "a rule that is not enforced by the design"
    elif vocabulary.mentions(text) or re.search(r"\d", text):
        reason = "no fact found"
    else:
        reason = "names nothing that is stored"
    book.unread.append(Unread(line=statement.line, text=text[:200], reason=reason))


def _describes(statement: Statement, text: str) -> bool:
    """A description of an entity is kept as its comment and is no missed fact."""
    return not _RULE.search(text) and not re.search(r"\b(?:must|should|shall)\b", text, re.I)
