"""Uniqueness and overlap: "one booking per court and hour", "unique within the organization",
"two bookings of a court must not overlap". Also what happens on delete, and dependencies.
"""

from __future__ import annotations

import re

from ...domain.design import Exclusion, Unique
from ...domain.identifiers import quote_literal
from ...domain.types import family
from .book import Book, Draft, Statement
from .columns import column_at_end, find_column, subject_draft
from .comparisons import add_check, range_of
from .drafts import PendingUnique
from .elements import exclusion_ref, unique_ref
from .keys import apply_links
from .links import Link
from .modifiers import ANY_CASE
from .vocabulary import Vocabulary


def column_for(
    book: Book,
    vocabulary: Vocabulary,
    draft: Draft,
    words: str,
    statement: Statement | None,
    *,
    add: bool,
) -> str | None:
    """The column that stands for a word of a rule: a column, or the key to the entity it names.

    With `add` a reference that is not there yet is added, because the rule implies it.
    """
    words = re.sub(
        r"^(?:the|an?|each|every|same|one|its|their)\s+", "", words.strip(" .,`"), flags=re.I
    )
    target = vocabulary.key(words)
    if target is None:
        mentions = vocabulary.mentions(words)
        target = (
            mentions[0].key
            if len(mentions) == 1 and mentions[0].end - mentions[0].start >= len(words) - 4
            else None
        )
    if target is not None and target != draft.key:
        parent = book.drafts[target]
        key = draft.key_to(parent.name)
        if key is None and add and statement is not None:
            apply_links(book, [Link(draft.key, target, statement.source)], vocabulary.key)
            key = draft.key_to(parent.name)
        if key is not None:
            return key.columns[-1]
    return find_column(draft, words) or (column_at_end(draft, words) if " of " in words else None)


def settle_pending(book: Book, vocabulary: Vocabulary, pending: list[PendingUnique]) -> None:
    """ "unique per carrier" of a field, once every reference stands."""
    for item in pending:
        draft = book.drafts[item.draft]
        if item.column not in draft.columns:
            continue
        statement = Statement(line=item.source.line, text=item.source.quote, role="rules")
        columns: list[str] = []
        for words in item.within:
            if words.strip().lower() in ("there", "it"):
                continue
            column = column_for(book, vocabulary, draft, words, statement, add=True)
            if column and column not in columns and column != item.column:
                columns.append(column)
        if columns:
            if draft.columns[item.column].type == "boolean":
                draft.add_unique(
                    Unique(columns=tuple(columns), where=item.column, sources=(item.source,))
                )
            else:
                draft.add_unique(Unique(columns=(*columns, item.column), sources=(item.source,)))
        else:
            book.ask(
                f"'{item.column}' of {draft.name} is unique within '{', '.join(item.within)[:60]}' "
                f"(line {item.source.line}). Which column is that?",
                f"column:{draft.name}.{item.column}", source=item.source, default="No key is made.",
            )  # fmt: skip


_ONE_PER = re.compile(
    r"(?:^|\b)(?:(?:only|at most|exactly|no more than)\s+)?(?:one|1|a single)\s+([\w "
    r"-]{2,60}?)\s+(?:per|for each|for every|for any)\s+(.{2,80}?)(?=[.,;:(]|$)",
    re.I,
)


_UNIQUE_IN = re.compile(
    r"\b([\w '-]{2,60}?)\s+(?:is|are|must be|has to be|have to be)\s+unique\s+(?:within|per|in|"
    r"for|inside|among|across)\s+"
    r"(?:the |an? |each |one )?(.{2,60}?)(?=[.,;:(]|$)",
    re.I,
)


_UNIQUE = re.compile(
    r"\b([\w '-]{2,60}?)\s+(?:is|are|must be|has to be|have to be|must remain)\s+(?:globally |"
    r"always )?unique\b",
    re.I,
)


_COMBINATION = re.compile(
    r"\b(?:combination|pair|tuple)s? of (.{3,80}?) (?:is|are|must be|has to be) unique|\bunique "
    r"(?:combination|pair|key) of (.{3,80}?)(?=[.;]|$)",
    re.I,
)


_NO_TWO = re.compile(
    r"\b(?:no two|two|no)\s+(.{2,40}?)\s+(?:of|in|for|on)\s+(?:one|the same|"
    r"an?)\s+(.{2,40}?)\s+(?:may |can |must |must never |must not |cannot )?"
    r"(?:have|share|with) the same\s+(.{2,40}?)(?=[.,;]|$)",
    re.I,
)


_TWICE = re.compile(
    r"\b(?:only once|at most once|no more than once|not (?:\w+ )?twice|never twice|once only|"
    r"used once)\b",
    re.I,
)


def read_unique(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """Candidate keys stated as sentences."""
    text = statement.text
    if not re.search(r"(?i)unique|\bone\b|\b1\b|once|twice|no two|same", text) or len(text) > 400:
        return False
    if re.search(r"(?i)\boverlap|\bat least one\b", text):
        return False
    return (
        _no_two(book, vocabulary, statement)
        or _combination(book, vocabulary, statement)
        or _one_per(book, vocabulary, statement)
        or _only_one(book, vocabulary, statement)
        or _unique_in(book, vocabulary, statement)
        or _once(book, vocabulary, statement)
    )


def _serve(draft: Draft, statement: Statement, unique: Unique) -> bool:
    held = draft.add_unique(unique)
    statement.serve("rule", unique_ref(draft, held))
    if ANY_CASE.search(statement.text):
        for name in unique.columns:
            if family(draft.columns[name].type) == "text":
                add_check(draft, statement, f"{name} = lower({name})", name)
    return True


def _one_per(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """ "One stock level per variant and warehouse", "only one primary diagnosis per encounter"."""
    match = _ONE_PER.search(statement.text)
    short = re.search(
        r"(?i)\b(?:only |at most |exactly )?one per (.{2,60}?)(?=[.,;:(]|$)", statement.text
    )
    if match is None and short is None:
        return False
    if match is not None:
        named = vocabulary.mentions(match[1])
        head = re.sub(r"^(?:an?|the)\s+", "", match[1].strip())
        draft = book.drafts[named[-1].key] if named else book.drafts.get(statement.subject)
        adjective = head[: named[-1].start].strip() if named else ""
        if not named and draft is not None and head.split()[-1].lower() not in draft.key:
            adjective = head
        parts = re.split(r"\s+and\s+|\s+per\s+|,\s*", match[2])
    else:
        assert short is not None
        draft, adjective = book.drafts.get(statement.subject), ""
        parts = re.split(r"\s+and\s+|\s+per\s+|,\s*", short[1])
    if draft is None:
        return False
    columns: list[str] = []
    lead = statement.text[: match.start(1)] if match is not None else ""
    for owner in vocabulary.mentions(lead):
        key = draft.key_to(book.drafts[owner.key].name)
        if key is not None and re.search(r"(?i)\b(?:have|has|hold|own)", lead):
            columns.append(key.columns[-1])
    for part in parts:
        column = column_for(book, vocabulary, draft, part, statement, add=True)
        if column is None:
            return False
        if column not in columns:
            columns.append(column)
    where = _where(book, draft, adjective, statement)
    if adjective and where is None:
        return False
    # A time of day or an hour as part of a booking's key is better stated as no overlap.
    return _serve(
        draft, statement, Unique(columns=tuple(columns), where=where, sources=(statement.source,))
    )


_ENDED = ("withdrawn", "ended", "revoked", "closed", "deactivated", "cancelled", "deleted",
    "returned",
          "archived", "expired", "terminated", "left")  # fmt: skip


def _where(book: Book, draft: Draft, adjective: str, statement: Statement) -> str | None:
    """ "active", "primary", "default shipping" as a predicate over the relation."""
    word = re.sub(r"\b(?:only|one|single|and|the)\b", "", adjective.lower()).strip()
    if not word:
        return None
    column = find_column(draft, word)
    if column and draft.columns[column].type == "boolean":
        return column
    for name in (f"is_{word.replace(' ', '_')}", word.replace(" ", "_")):
        if name in draft.columns and draft.columns[name].type == "boolean":
            return name
    for col in draft.columns.values():
        value = next((v for v in col.values if v.lower() == word), None)
        if value:
            return f"{col.name} = {quote_literal(value)}"
    if word in ("active", "open", "current", "valid", "running"):
        ended = [
            c.name
            for c in draft.columns.values()
            if c.nullable
            and c.name.split("_")[0] in _ENDED
            and c.type.startswith(("timestamp", "date"))
        ]
        if len(ended) == 1:
            book.assume(
                f"'{word}' {draft.name} are those without {ended[0]}",
                f"Line {statement.line} uses the word and no column has it.",
                f"column:{draft.name}.{ended[0]}",
            )
            return f"{ended[0]} IS NULL"
    return None


_ONLY_ONE = re.compile(
    r"\b(?:only|at most|exactly|no more than) one\s+([\w ]{2,40}?)(?=[.,;:(]|"
    r"$)",
    re.I,
)


def _only_one(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """ "A customer has many addresses, but only one default shipping address"."""
    match = _ONLY_ONE.search(statement.text)
    if match is None:
        return False
    named = vocabulary.mentions(match[1])
    owners = vocabulary.mentions(statement.text[: match.start()])
    if not named or not owners:
        return False
    draft = book.drafts[named[-1].key]
    key = draft.key_to(book.drafts[owners[0].key].name)
    adjective = match[1][: named[-1].start].strip()
    where = _where(book, draft, adjective, statement) if adjective else None
    if key is None or (adjective and where is None):
        return False
    unique = Unique(columns=(key.columns[-1],), where=where, sources=(statement.source,))
    return _serve(draft, statement, unique)


def _unique_in(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    text = re.sub(r"\([^()]{0,200}\)", "", statement.text)
    match = _UNIQUE_IN.search(text)
    plain = None if match else _UNIQUE.search(text)
    found = match or plain
    if found is None:
        return False
    draft = subject_draft(book, vocabulary, text, statement.subject)
    words = re.sub(r"^.*?(?:'s|’s) ", "", found[1])
    words = re.sub(r"^(?:the|an?|each|every|its)\s+", "", words.strip(), flags=re.I)
    options = [d for d in (book.drafts.get(statement.subject), draft) if d is not None]
    for option in options:
        column = statement.column or column_at_end(option, words)
        if column is None:
            continue
        columns: list[str] = []
        if match is not None:
            for part in re.split(r"\s+and\s+|,\s*", match[2]):
                within = column_for(book, vocabulary, option, part, statement, add=True)
                if within is not None and within not in columns:
                    columns.append(within)
            if not columns:
                return False
        return _serve(
            option, statement, Unique(columns=(*columns, column), sources=(statement.source,))
        )
    return False


def _combination(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    match = _COMBINATION.search(statement.text)
    if match is None:
        return False
    parts = [p for p in re.split(r"\s+and\s+|,\s*", match[1] or match[2]) if p.strip()]
    keys = [m.key for m in reversed(vocabulary.mentions(statement.text))]
    for key in dict.fromkeys([*([statement.subject] if statement.subject else []), *keys]):
        draft = book.drafts[key]
        columns = [column_for(book, vocabulary, draft, p, statement, add=False) for p in parts]
        found = tuple(c for c in columns if c)
        if len(found) == len(parts) >= 2:
            return _serve(draft, statement, Unique(columns=found, sources=(statement.source,)))
    return False


def _no_two(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """ "No two images of one product have the same position"."""
    match = _NO_TWO.search(statement.text)
    if match is None:
        return False
    named = vocabulary.mentions(match[1])
    draft = book.drafts[named[0].key] if named else book.drafts.get(statement.subject)
    if draft is None:
        return False
    within = column_for(book, vocabulary, draft, match[2], statement, add=True)
    same = find_column(draft, match[3])
    if within is None or same is None:
        return False
    return _serve(draft, statement, Unique(columns=(within, same), sources=(statement.source,)))


def _once(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """ "A customer reviews a product at most once": a key of the relation that links the two."""
    if not _TWICE.search(statement.text):
        return False
    keys = list(dict.fromkeys(m.key for m in vocabulary.mentions(statement.text)))
    draft = book.drafts.get(statement.subject)
    if draft is not None and draft.key in keys and len(keys) > 2:
        keys.remove(draft.key)
    ends = [book.drafts[k] for k in keys if draft is None or k != draft.key]
    if draft is None or not all(draft.key_to(d.name) for d in ends):
        linking = [
            d
            for d in book.drafts.values()
            if len(ends) >= 2 and all(d.key_to(e.name) for e in ends[:2])
        ]
        if len(linking) != 1:
            return False
        draft = linking[0]
    columns: list[str] = []
    for end in ends:
        key = draft.key_to(end.name)
        if key is not None and key.columns[-1] not in columns:
            columns.append(key.columns[-1])
    if len(columns) < 2:
        return False
    return _serve(draft, statement, Unique(columns=tuple(columns), sources=(statement.source,)))


_OVERLAP = re.compile(
    r"\b(?:overlap\w*|double[- ]?book\w*|booked twice|at the same time|same time)\b", re.I
)


_UNLESS = re.compile(r"\b(?:unless|except|ignoring|other than)\b(.{1,80})", re.I)


def read_overlap(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """ "A practitioner must never have two appointments that overlap, unless cancelled"."""
    text = statement.text
    if not _OVERLAP.search(text) or not re.search(
        r"(?i)\bnot\b|never|cannot|can't|\bno\b|avoid|prevent", text
    ):
        return False
    mentions = vocabulary.mentions(text)
    keys = list(
        dict.fromkeys(
            [m.key for m in mentions] + ([statement.subject] if statement.subject else [])
        )
    )
    holder = next((book.drafts[k] for k in keys if range_of(book.drafts[k])), None)
    if holder is None and keys:
        linked = [
            d
            for d in book.drafts.values()
            if range_of(d)
            and any(d.key_to(book.drafts[k].name) for k in keys)
            and re.search(r"book|reserv|appointment|rental|shift|session|schedule", d.key)
        ]
        holder = linked[0] if len(linked) == 1 else None
    if holder is None:
        return False
    if condition := re.search(r"(?i)\bwith (?:an? )?(.{1,40}?)\s+(?:must|may|cannot|can)\b", text):
        book.ask(
            f"Line {statement.line} forbids overlaps only for some ('{condition[1][:40]}'). The "
            "database could forbid them for all. Should it?",
            source=statement.source, default="The database does not forbid them; the application "
                "has to.",
        )  # fmt: skip
        return False
    owners = [
        book.drafts[k] for k in keys if k != holder.key and holder.key_to(book.drafts[k].name)
    ]
    columns = []
    for owner in owners[:2]:
        key = holder.key_to(owner.name)
        if key is not None:
            columns.append(key.columns[-1])
    pair = range_of(holder)
    if not columns or pair is None:
        return False
    where = None
    if unless := _UNLESS.search(text):
        for column in holder.columns.values():
            value = next((v for v in column.values if v.lower() in unless[1].lower()), None)
            if value:
                where = f"{column.name} <> {quote_literal(value)}"
    exclusion = Exclusion(
        equal_columns=tuple(columns), start_column=pair[0], end_column=pair[1], where=where,
        sources=(statement.source,),
    )  # fmt: skip
    if all(e.equal_columns != exclusion.equal_columns for e in holder.exclusions):
        holder.exclusions.append(exclusion)
    statement.serve("rule", exclusion_ref(holder, exclusion))
    return True


READERS = (read_overlap, read_unique)
