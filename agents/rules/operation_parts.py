"""The parts of an operation: filters, constants, windows of time, order, limit and groups."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from ...domain.types import family
from .book import Book, Draft
from .columns import column_at_start, find_column, time_of
from .lexicon import PEOPLE
from .vocabulary import Mention, Vocabulary
from .words import find_duration, iso_period

Verb = Literal["get", "list", "search", "count", "insert", "update", "delete"]


_LIMIT = re.compile(
    r"\b(?:latest|newest|last|first|top|oldest|most recent)\s+(\d{1,4})\b(?!\s*(?:days?|hours?|"
    r"weeks?|months?|years?|minutes?))|"
    r"\b(\d{1,4})\s+(?:newest|latest|most recent|oldest|per page|items|results|rows|at a time)\b",
    re.I,
)


_NEWEST = re.compile(
    r"\b(?:newest|latest|most recent|recent|last \d+|reverse chronolog\w+|history)\b", re.I
)


_OLDEST = re.compile(
    r"\b(?:oldest|in order of time|chronolog\w+|earliest|by age|and age|fifo|day view|schedule|"
    r"calendar)\b",
    re.I,
)


_SORTED = re.compile(r"\b(?:sorted|ordered|ranked)\s+by\s+(.{1,40})", re.I)


_DAY = re.compile(
    r"\b(?:one day|on a day|of a day|for a day|a given day|today'?s?|day view|of the day|per day|"
    r"on a date|for a date|their day|daily list)\b",
    re.I,
)


_WINDOW = re.compile(
    r"\b(?:last|past|next|previous|one|a|coming|within)\s+(?=(?:\d+\s+)?(?:hours?|days?|weeks?|"
    r"months?|years?)\b)",
    re.I,
)


@dataclass(slots=True)
class Operation:
    """An access pattern, taken apart. Columns are of `main`."""

    verb: Verb
    main: Draft
    text: str
    parents: list[Draft] = field(default_factory=list)
    children: list[Draft] = field(default_factory=list)
    # Any of these groups, all columns of a group.
    filters: list[list[str]] = field(default_factory=list)
    constants: list[tuple[str, str]] = field(default_factory=list)
    window: str = ""
    future: bool = False
    order: str = ""
    descending: bool = True
    limit: int | None = None
    groups: list[str] = field(default_factory=list)
    group_by: list[Draft] = field(default_factory=list)
    measure: str = ""


def finish_operation(
    book: Book, vocabulary: Vocabulary, op: Operation, others: list[Mention], text: str
) -> Operation:
    """Fill in filters, order, window and the other relations."""
    main = op.main
    lowered = re.sub(r"^\W*open(?=\s+(?:an?|the|one|my)\b)", "", text.lower())
    spans = _filters(op, text) if op.verb != "insert" else []
    for mention in others:
        if not any(start <= mention.start < end for start, end in spans):
            _place(book, op, mention, text)
    if op.verb != "insert":
        _constants(op, lowered)
    _time_window(op, text)
    if match := _LIMIT.search(text):
        op.limit = int(match[1] or match[2])
    elif match := re.search(r"\b(\d{1,3})\s+(?:[a-z]+\s+)?per page", lowered):
        op.limit = int(match[1])
    elif op.verb in ("list", "get", "search") and (
        match := re.search(r"(?<![\w.])(\d{1,3}) (\w+)", lowered)
    ):
        mentioned = vocabulary.mentions(match[2])
        if mentioned and mentioned[0].key == main.key and int(match[1]) > 1:
            op.limit = int(match[1])
    if re.search(r"\bmy\b", lowered) and not op.parents and op.verb in ("list", "get", "count"):
        op.parents.extend(_owner(book, main))
    clock = time_of(main) or ""
    if match := _SORTED.search(text):
        for part in re.split(r"\bor\b|\band\b|,", match[1]):
            column = column_at_start(main, part)
            if column:
                op.order, op.descending = column, bool(_NEWEST.search(match[1]))
                break
        op.measure = op.measure or match[1]
    if not op.order and clock and (_OLDEST.search(text) or _NEWEST.search(text) or op.window):
        op.order = clock
        op.descending = not _OLDEST.search(text)
    if op.verb == "count":
        _grouping(book, op, others, text)
    if op.verb == "get" and not op.filters and not (others and op.parents):
        op.filters = [] if op.constants or op.window else [list(main.primary_key)]
    if (
        op.verb == "get"
        and (op.parents or op.constants or op.window or (op.limit or 0) > 1)
        and not _by_key(op)
    ):
        op.verb = "list"
    elif op.verb == "list" and _by_key(op) and not op.constants:
        op.verb = "get"
    return op


def _named(op: Operation) -> list[str]:
    return [name for group in op.filters for name in group]


def _by_key(op: Operation) -> bool:
    keys = [set(op.main.primary_key), *(set(u.columns) for u in op.main.uniques)]
    if len(op.filters) != 1:
        return False
    named = {*op.filters[0], op.main.tenant_column or ""}
    return any(key <= named for key in keys)


def _place(book: Book, op: Operation, mention: Mention, text: str) -> None:
    """Another relation is a parent to filter by, a child to show, or a group."""
    other = book.drafts[mention.key]
    if other is op.main or other in op.parents or other in op.children:
        return
    before = text[max(0, mention.start - 24) : mention.start].lower()
    if op.verb == "count" and re.search(r"\b(?:per|by|and|each)\s+(?:[a-z]+\s+and\s+)?$", before):
        op.group_by.append(other)
        return
    is_child = other.key_to(op.main.name) is not None
    if is_child and not mention.possessive and op.verb in ("get", "list", "search"):
        if (
            re.search(
                r"\b(?:with|and|including|of|its|their|all|,)\s*(?:all\s+)?(?:its|their|the)?\s*$",
                before,
            )
            or mention.plural
        ):
            op.children.append(other)
        return
    if op.main.key_to(other.name) is not None or mention.possessive or re.search(
        r"\b(?:of|for|in|by|from|on|per|within|page|to)\s+(?:an?|the|one|each|my|given|"
        r"their)?\s*$", before
    ) or op.verb in ("list", "get", "search"):  # fmt: skip
        if (
            mention.plural
            and re.search(r"\b(?:with|and|,)\s*(?:all\s+)?(?:its|their|the)?\s*$", before)
            and op.verb in ("get", "list")
        ):
            op.children.append(other)
        else:
            op.parents.append(other)


_BY = re.compile(
    r"\b(?:by|via|using)\s+([^.;:()|]{2,80}?)(?=,?\s+(?:or\s+)?\b(?:by|via|using)\b|"
    r"[.;:()|]|$)",
    re.I,
)


def _filters(op: Operation, text: str) -> list[tuple[int, int]]:
    """The columns after "by": "by last name and birth date, by patient number or by phone".

    Returns the places in the text that named them.
    """
    spans: list[tuple[int, int]] = []
    if op.verb == "count":
        return spans
    for match in _BY.finditer(text):
        if re.search(r"\b(?:sorted|ordered|ranked|sort)\s*$", text[: match.start()], re.I):
            continue
        alternatives = bool(re.search(r"\bor\b|/", match[1])) and " and " not in match[1]
        found: list[str] = []
        for piece in re.split(r",|\band\b|\bor\b|/", match[1]):
            if re.search(r"\b(?:sorted|newest|latest|oldest|under|within)\b", piece):
                break
            column = column_at_start(op.main, piece)
            if column and column not in found and column not in _named(op):
                found.append(column)
        if found:
            spans.append((match.start(), match.end()))
        if alternatives:
            op.filters.extend([name] for name in found)
        elif found:
            op.filters.append(found)
    return spans


def _constants(op: Operation, lowered: str) -> None:
    """Words that name a value of the relation: "open and new tickets", "abnormal results"."""
    for column in op.main.columns.values():
        if column.values:
            wanted = [
                v
                for v in column.values
                if re.search(
                    rf"(?<![\w-]){re.escape(v.replace('_', ' ').lower())}(?![\w-])", lowered
                )
                and not re.search(
                    rf"\b(?:not|unless|"
                    rf"except)\s+(?:\w+\s+){{0,2}}{re.escape(v.replace('_', ' ').lower())}",
                    lowered,
                )
            ]
            wanted = [v for v in wanted if v not in ("new",) or len(wanted) > 1]
            if (
                wanted
                and len(wanted) < len(column.values)
                and column.name not in _named(op)
                and column.name.split("_")[-1]
                in ("status", "state", "stage", "phase", "kind", "type")
            ):
                op.constants.append((column.name, "|".join(wanted)))
        elif column.type == "boolean":
            word = column.name.removeprefix("is_").replace("_", " ")
            if len(word) > 3 and re.search(rf"\b{re.escape(word)}\b", lowered):
                op.constants.append((column.name, "true"))
        elif column.nullable and column.type.startswith(("timestamp", "date")):
            word = column.name.rpartition("_")[0]
            if len(word) > 3 and re.search(
                rf"\b(?:un{re.escape(word)}|not (?:yet )?{re.escape(word)})\b", lowered
            ):
                op.constants.append((column.name, "null"))
    if re.search(r"\b(?:overdue|past due|late)\b", lowered):
        due = next(
            (c for c in ("due_on", "due_at", "due_date", "deadline") if c in op.main.columns), None
        )
        if due:
            op.constants.append((due, "past"))
            status = next(
                (c for c in op.main.columns.values() if c.values and c.name in ("status", "state")),
                None,
            )
            if (
                status
                and "open" in status.values
                and all(name != status.name for name, _ in op.constants)
            ):
                op.constants.append((status.name, "open"))


def _time_window(op: Operation, text: str) -> None:
    if _DAY.search(text) and op.verb != "count":
        op.window = "P1D"
        return
    match = _WINDOW.search(text)
    if match is None:
        return
    rest = text[match.end() :]
    found = find_duration(rest if re.match(r"\d", rest) else f"1 {rest}")
    if found:
        op.window = iso_period(found[0], found[1])
        op.future = match[0].lower().startswith(("next", "coming"))


def money_column(draft: Draft) -> str | None:
    names = [
        c.name
        for c in draft.columns.values()
        if c.type.startswith("numeric(") and c.type.endswith(",2)")
    ]
    for name in ("total", "total_amount", "line_total", "grand_total", "amount", "price"):
        if name in names:
            return name
    return None


def money_base(book: Book, text: str) -> Draft | None:
    """Where revenue is: the lines where groups are asked for, else the sales."""
    fine = bool(re.search(r"(?i)\b(?:product|category|item|variant|sku|brand)\b", text))
    candidates = [d for d in book.drafts.values() if money_column(d) and re.search(
        r"order|sale|invoice|payment|booking|transaction", d.key)]  # fmt: skip
    lines = [d for d in candidates if d.key.split("_")[-1] in ("line", "item", "position")]
    whole = [d for d in candidates if d not in lines]
    chosen = (lines or whole) if fine else (whole or lines)
    return chosen[0] if chosen else None


def _owner(book: Book, draft: Draft) -> list[Draft]:
    """The people that "my" means: the one a row belongs to."""
    people = [
        d for d in book.drafts.values() if d.key.split("_")[-1] in PEOPLE and draft.key_to(d.name)
    ]
    return people[:1]


def part_of(book: Book, whole: Draft) -> Draft | None:
    """The relation of a whole's parts: cart → cart_items."""
    parts = [
        d
        for d in book.drafts.values()
        if d.key_to(whole.name) and d.key.startswith(f"{whole.key}_")
    ]
    return parts[0] if len(parts) == 1 else None


def _grouping(book: Book, op: Operation, others: list[Mention], text: str) -> None:
    for match in re.finditer(r"\b(?:per|by|for each)\s+([\w ]{2,60})", text, re.I):
        for piece in re.split(r"\band\b|,", match[1]):
            word = piece.strip().split(" ")[0].lower() if piece.strip() else ""
            if word in ("day", "week", "month", "year", "hour"):
                op.groups.append(f"@{word}")
                continue
            column = find_column(op.main, piece) or column_at_start(op.main, piece)
            if column and column not in op.groups:
                op.groups.append(column)
    if re.search(r"(?i)\baverage\b", text) and (column := _averaged(op.main, text)):
        op.measure = f"avg:{column}"
    elif op.measure and op.measure in op.main.columns:
        op.measure = f"sum:{op.measure}"
    else:
        op.measure = ""


def _averaged(draft: Draft, text: str) -> str | None:
    match = re.search(r"(?i)\baverage\s+(.{1,40})", text)
    column = column_at_start(draft, match[1]) if match else None
    if column and family(draft.columns[column].type) in ("integer", "numeric", "float"):
        return column
    numbers = [
        c.name for c in draft.columns.values() if c.name in ("rating", "score", "amount", "total")
    ]
    return numbers[0] if numbers else None
