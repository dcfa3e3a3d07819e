"""Columns by their words: "the birth date", "starts", "first reply" → a column of a relation."""

from __future__ import annotations

import re

from ...domain.identifiers import snake_case
from .book import Book, Draft
from .vocabulary import Vocabulary
from .words import singular

_LEADING = re.compile(
    r"^(?:(?:the|a|an|its|their|his|her|each|every|all|any|new|of|is|are|it|they|one|s)\s+)+", re.I
)
_SUFFIXES = ("_at", "_on", "_id", "_date", "_time", "_name", "_number", "_code", "_amount",
    "_by_id",
             "_minutes", "_count", "_by")  # fmt: skip
_SYNONYMS = {
    "name": ("last_name", "full_name", "first_name", "display_name", "title"),
    "birthday": ("birth_date", "date_of_birth", "dob"), "date_of_birth": ("birth_date", "dob"),
    "email_address": ("email",), "mail": ("email",), "e_mail": ("email",),
    "telephone": ("phone",), "phone_number": ("phone",), "due_date": ("due_on", "due_at"),
    "begin": ("starts_at", "start_at", "start_time"), "start": ("starts_at", "started_at",
        "start_at",
    "start_time", "start_date", "started_on", "starts_on"), "end": ("ends_at", "ended_at", "end_at",
    "end_time", "end_date", "ends_on"), "state": ("status",), "status": ("state",),
    "amount": ("total", "total_amount"), "login": ("username", "email"), "words": ("name", "title"),
    "color": ("colour",), "colour": ("color",), "organisation": ("organization_id",),
}  # fmt: skip


def find_column(draft: Draft, words: str) -> str | None:
    """The one column that the words mean, or None where none or several could be meant."""
    text = _LEADING.sub("", words.strip().strip(".,;:()`'\""))
    name = snake_case(text)
    if not name or len(name) > 60:
        return None
    columns = draft.columns
    for candidate in _forms(name):
        if candidate in columns:
            return candidate
        for suffix in _SUFFIXES:
            if candidate + suffix in columns:
                return candidate + suffix
        if f"is_{candidate}" in columns:
            return f"is_{candidate}"
    own = name.removeprefix(f"{draft.key}_").removeprefix(f"{draft.key.split('_')[-1]}_")
    if own != name and own:
        return find_column(draft, own)
    for form in _forms(name):
        for synonym in _SYNONYMS.get(form, ()):
            if synonym in columns:
                return synonym
    wanted = [w for w in name.split("_") if w not in ("the", "of", "a")]
    found = [c for c in columns if _contains(c.split("_"), wanted)]
    return found[0] if len(found) == 1 else None


def _forms(name: str) -> tuple[str, ...]:
    head, _, last = name.rpartition("_")
    one = singular(last)
    forms = [name, f"{head}_{one}" if head else one]
    if not head and one.endswith("ed"):
        forms.append(one)
    return tuple(dict.fromkeys(forms))


def _contains(column: list[str], wanted: list[str]) -> bool:
    """True where every wanted word starts one of the column's words, in the same order."""
    at = 0
    for word in wanted:
        stem = singular(word)
        stem = stem[: max(4, len(stem) - 3)] if len(stem) > 5 else stem
        while at < len(column) and not column[at].startswith(stem):
            at += 1
        if at == len(column):
            return False
        at += 1
    return bool(wanted)


def column_at_end(draft: Draft, text: str, *, most: int = 4) -> str | None:
    """The column that the last words of the text mean, the longest run first."""
    words = text.split()
    for size in range(min(most, len(words)), 0, -1):
        column = find_column(draft, " ".join(words[-size:]))
        if column is not None:
            return column
    # "the deposit of a booking"
    head, of, _ = text.rpartition(" of ")
    return column_at_end(draft, head, most=most) if of and head else None


def column_at_start(draft: Draft, text: str, *, most: int = 4) -> str | None:
    """The column that the first words of the text mean, the longest run first."""
    words = _LEADING.sub("", text.strip()).split()
    for size in range(min(most, len(words)), 0, -1):
        column = find_column(draft, " ".join(words[:size]))
        if column is not None:
            return column
    return None


def time_of(draft: Draft, words: str = "") -> str | None:
    """The column that the words date a row by, else the one that says when the row came to be."""
    from ...domain.access import time_column
    from .finish import relation_of

    if words:
        for word in re.findall(r"[a-z]{4,}", words.lower()):
            if word in ("after", "from", "year", "years", "last", "days", "counted", "later"):
                continue
            word = {"change": "updated", "changed": "updated", "update": "updated",
                    "modification": "updated", "edit": "updated"}.get(word, word)  # fmt: skip
            stem = word[:5] if len(word) > 6 else word[:4]
            for column in draft.columns.values():
                if column.type.startswith(("timestamp", "date")) and any(
                    part.startswith(stem) for part in column.name.split("_")
                ):
                    return column.name
        if re.search(r"\bend\b", words.lower()):
            for name in ("ends_at", "ended_at", "end_at", "ends_on", "end_date", "closed_at"):
                if name in draft.columns:
                    return name
    found = time_column(relation_of(draft))
    if found:
        return found
    times = [c.name for c in draft.columns.values() if c.type.startswith(("timestamp", "date"))
             and c.classification == "internal"]  # fmt: skip
    return times[0] if len(times) == 1 else None


def subject_draft(book: Book, vocabulary: Vocabulary, text: str, subject: str) -> Draft | None:
    """The relation a sentence is about: the one it names first, else the one it stands under."""
    mentions = vocabulary.mentions(text)
    if mentions and not mentions[0].possessive and mentions[0].start < 25:
        return book.drafts.get(mentions[0].key)
    if subject:
        return book.drafts.get(subject)
    return book.drafts.get(mentions[0].key) if mentions else None
