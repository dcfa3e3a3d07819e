"""Logs that a sentence describes: "every change is written to an audit log: who, when, what".

Such a sentence names an entity and its fields without listing it under the data.
"""

from __future__ import annotations

import re

from .book import Book, EntityFact, FieldFact, Statement, cite
from .drafts import relation_name
from .vocabulary import entity_key

_LOG = re.compile(
    r"\b(?:written|recorded|logged|kept|stored|noted|appended)\s+(?:to|in|"
    r"into)\s+an?\s+([a-z][a-z -]{2,40}?(?:log|trail|history|journal|ledger))\s*"
    r"(?::|with|\(|—|–)\s*(.{5,300})$", re.I,
)  # fmt: skip
_QUESTIONS: tuple[tuple[str, str, str | None], ...] = (
    ("who", "actor", "text"), ("when", "occurred at", None), ("what", "action", "text"),
    ("why", "reason", "text"), ("where", "place", "text"), ("how", "method", "text"),
)  # fmt: skip


def read_logs(book: Book) -> None:
    """Add the logs that statements describe and no section lists."""
    for statement in book.statements:
        match = (
            _LOG.search(statement.text)
            if "log" in statement.text
            or "histor" in statement.text
            or "trail" in statement.text
            or "journal" in statement.text
            or "ledger" in statement.text
            else None
        )
        if match is None or statement.role in ("people", "skip"):
            continue
        name = match[1].strip()
        if name.split()[-1] in ("log", "trail", "journal", "ledger"):
            name = f"{name} entry"
        key = entity_key(name)
        if key in book.entities or entity_key(match[1]) in book.entities:
            continue
        fields = list(_fields(statement, match[2]))
        if len(fields) < 2:
            continue
        book.entities[key] = EntityFact(
            name,
            cite(statement.line, statement.text),
            fields=fields,
            description=statement.text[:300],
            marked=True,
        )
        statement.serve("audit", f"relation:{relation_name(key)}")


def _fields(statement: Statement, text: str) -> list[FieldFact]:
    found = []
    for piece in re.split(r",|;|\band\b", text.strip(" .)")):
        words = piece.strip().lower()
        if not words:
            continue
        which = re.match(r"(?:from |for |on |in |of )?which (\w[\w ]{1,30})$", words)
        if which:
            found.append(FieldFact(which[1], statement.source))
            continue
        plain = next(
            (
                (name, type_)
                for word, name, type_ in _QUESTIONS
                if words.split()[0] == word and len(words.split()) <= 3
            ),
            None,
        )
        if plain:
            found.append(FieldFact(plain[0], statement.source, type=plain[1]))
        elif len(words.split()) <= 4 and re.fullmatch(r"[\w ]+", words):
            found.append(FieldFact(re.sub(r"^(?:the|an?|its)\s+", "", words), statement.source))
    return found
