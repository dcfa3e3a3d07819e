"""Retention: "keep invoices for 10 years", "messages: 2 years after sent, then delete".

Policies: a statement that only keeps removes nothing afterwards. Rows are removed only where every
word of the statement is understood (see `due`); otherwise they are kept and a person is asked. A
relation without such a time of its own goes with the relation it refers to. Where no clock is
named and there is none, `created_at` is added and labelled as assumed. Two periods for one
relation are a question; the longer holds.
"""

from __future__ import annotations

import re

from ...domain.design import Retention, RetentionAction, Unread
from .book import Book, ColumnDraft, Draft, Statement
from .due import (
    ACTION_WORDS,
    Due,
    birth_clock,
    clock_of,
    dates,
    has_condition,
    hold_of,
    left_over,
    read_due,
)
from .elements import relation_ref
from .vocabulary import Vocabulary
from .words import find_duration, iso_period, seconds_of

_WORDS = re.compile(
    r"\b(?:keep|kept|retain\w*|retention|store[ds]? for|stored until|purge[ds]?|delet\w+|"
    r"erase[ds]?|"
    r"anonymi[sz]\w+|archiv\w+|thrown away|discarded|destroyed|removed|"
    r"(?:days|months|years) are enough|held for|preserve[ds]?)\b", re.I,
)  # fmt: skip
_NOT_DATA = re.compile(
    r"%|\bbackups?\b|\bweek-?\d+ retention|\bcohort|\bwithin\b|\bcustomers? retention|"
    r"\buser retention\b",
    re.I,
)
_FOREVER = re.compile(
    r"\b(?:for ever|forever|indefinitely|permanently|never (?:be )?deleted|never purged|"
    r"kept always)\b",
    re.I,
)
_ACTIONS: tuple[tuple[str, RetentionAction], ...] = (
    (r"anonymi[sz]|pseudonymi[sz]", "anonymise"), (r"archiv", "archive"),
    (r"delet|purge|erase|destroy|discard|thrown away|remove|are enough|drop", "drop"),
)  # fmt: skip


def read_retention(book: Book, vocabulary: Vocabulary, statement: Statement) -> bool:
    """Give the relations that a statement names their retention."""
    text = statement.text
    strong = statement.role == "retention"
    if not strong and statement.role not in _ROLES:
        return False
    if find_duration(text) is None and _EXCEPTION.search(text) and not _FOREVER.search(text):
        _withdraw(book, vocabulary, statement, strong)
    if not _WORDS.search(text) and not (strong and statement.cells):
        return False
    if re.search(r"(?i)\bbackups?\b", text):
        statement.about_data = False
        statement.serve("recovery")
        return True
    if statement.cells:
        return _read_part(book, vocabulary, statement, text, strong, _action(text))
    parts = _parts(text)
    # With several periods it is not sure which of them a condition belongs to.
    doubtful = len(parts) > 1 and has_condition(text)
    action: RetentionAction = "keep"
    read = False
    for part in parts:
        # "sessions after 30 days" goes on with the verb before it.
        action = _action(part) if _WORDS.search(part) else action
        read |= _read_part(book, vocabulary, statement, part, strong, action, doubtful=doubtful)
    if statement.beyond:
        statement.elements.clear()
    return read


_EXCEPTION = re.compile(
    r"\b(?:(?:does|do|shall|must) not apply|exempt\w*|exceptions?|(?:not|never) (?:be )?"
    r"(?:deleted|removed|purged|erased|anonymi[sz]ed)|(?:legal|litigation) hold|on hold|"
    r"(?:stay|remain)s?\b)",
    re.I,
)


def _withdraw(book: Book, vocabulary: Vocabulary, statement: Statement, strong: bool) -> None:
    """ "This does not apply to members on hold": nothing is removed until that is understood."""
    named = {m.key for m in vocabulary.mentions(statement.text)}
    for draft in book.drafts.values():
        known = draft.retention
        if known is None or known.action == "keep" or known.source is None:
            continue
        near = statement.block <= known.source.line <= statement.line
        if not near and not (strong and draft.key in named):
            continue
        draft.retention = known.model_copy(
            update={"action": "keep", "clock_column": None, "assumed": True}
        )
        book.ask(
            f"Line {statement.line}: '{statement.source.quote}'. Which rows of {draft.name} does "
            f"line {known.source.line} not remove?",
            f"retention:{draft.name}", source=statement.source,
            default=f"Nothing of {draft.name} is removed.",
        )  # fmt: skip
        for other in book.statements:
            if f"retention:{draft.name}" in other.elements and other.line == known.source.line:
                other.beyond = True
                other.elements.clear()
                book.unread.append(
                    Unread(
                        line=other.line, text=other.text[:200],
                        reason=f"line {statement.line} makes an exception that is not understood",
                    )
                )  # fmt: skip


_ROLES = frozenset("privacy data rules quality requirements recovery other volume".split())
_AS_LONG = re.compile(r"\b[\w ]{2,40} as long as [^,.;]{2,60}[,.;]?", re.I)


def _parts(text: str) -> list[str]:
    """The text cut behind each period: "orders for 10 years, carts for 30 days"."""
    if _action(text) == "keep":
        text = _AS_LONG.sub(" ", text)
    parts = []
    start = 0
    while (found := find_duration(text[start:])) is not None:
        end = start + found[2].end()
        stop = re.compile(r"[,;]\s(?=[\w ]{2,40}\b(?:for|after)\s+\d)|[.;]\s|$").search(text, end)
        cut = stop.end() if stop else len(text)
        parts.append(text[start:cut])
        start = cut
        if start >= len(text):
            break
    if parts and start < len(text):
        parts[-1] += text[start:]
    return parts or [text]


def _read_part(
    book: Book, vocabulary: Vocabulary, statement: Statement, text: str, strong: bool,
    action: RetentionAction, *, doubtful: bool = False,
) -> bool:  # fmt: skip
    found = find_duration(text)
    if _NOT_DATA.search(text) or (found is None and not _FOREVER.search(text)):
        return False
    if found is None or (_FOREVER.search(text) and action == "keep"):
        action = "keep"
    due = _due_of_row(statement, vocabulary) if statement.cells else read_due(text, vocabulary)
    core = due.core if action != "keep" and not statement.cells else text
    targets, subject_words = _targets(book, vocabulary, statement, core)
    if not targets:
        if strong or (found and re.search(r"(?i)\b(?:keep|kept|retain)", text)):
            book.ask(
                f"Line {statement.line} states a retention for something that is not stored: "
                f"'{subject_words[:80]}'. Which data does it mean?",
                source=statement.source, default="No retention is planned for it.",
            )  # fmt: skip
        return False
    if found is None or (_FOREVER.search(text) and action == "keep"):
        period, seconds = "", 0.0
    else:
        period, seconds = iso_period(found[0], found[1]), seconds_of(found[0], found[1])
        if seconds <= 0:
            book.ask(
                f"A retention of {found[2][0]} (line {statement.line}) is not possible.",
                source=statement.source,
                default="No retention is planned for it.",
            )
            return False
    if action == "keep":
        for draft in targets:
            _keep(book, draft, period, due.clock, statement)
        return True
    rest = left_over(due.core, vocabulary)
    onlys = [*due.onlys, rest] if rest else due.onlys
    unclear = []
    for draft in targets:
        clock = _clock(draft, due.clock, onlys)
        # "Closed tickets, 3 years after closing": the clock says it already.
        said = [o for o in onlys if not (clock and dates(clock, o))]
        hold = None if doubtful else hold_of(draft, due.holds, said)
        timeless = clock is None and bool(due.clock or onlys)
        if hold is None or timeless:
            unclear.append((draft, hold is None, timeless))
        elif clock is not None:
            _set(book, draft, period, action, clock, statement, hold=hold or None)
            if not due.clock:
                book.assume(
                    f"The period of {draft.name} counts from {clock}",
                    f"Line {statement.line} does not say what it counts from.",
                    f"retention:{draft.name}",
                )
        else:
            unclear.append((draft, False, False))
    _settle_unclear(book, unclear, period, action, due, rest, statement)
    return True


def _clock(draft: Draft, words: str, onlys: list[str]) -> str | None:
    if words:
        return clock_of(draft, words)
    if not onlys:
        return birth_clock(draft)
    # "Cancelled orders are deleted after 30 days": since they were cancelled, not since placed.
    named = [c for c in draft.columns if c.endswith(("_at", "_on")) and dates(c, onlys[0])]
    return named[0] if len(named) == 1 and len(onlys) == 1 else None


def _due_of_row(statement: Statement, vocabulary: Vocabulary) -> Due:
    """The cells of a row read one by one: the clock may have a cell of its own."""
    whole = Due("")
    for title, cell in statement.cells:
        if _REASON.search(title):
            continue
        if _CLOCK_TITLE.search(title):
            part = read_due(cell, vocabulary)
            whole.clock, part.core = part.core.strip(), ""
        else:
            part = read_due(cell, vocabulary)
            whole.clock = whole.clock or part.clock
        whole.core += f" | {part.core}"
        whole.holds += part.holds
        whole.onlys += part.onlys
    return whole


_REASON = re.compile(r"(?i)\b(?:basis|why|reason|law|legal|owner|source|id|#|nr)\b")
_CLOCK_TITLE = re.compile(r"(?i)counted|clock|starts?|from|since|trigger|after")


def _settle_unclear(
    book: Book, unclear: list[tuple[Draft, bool, bool]], period: str,
    action: RetentionAction, due: Due, rest: str, statement: Statement,
) -> None:  # fmt: skip
    """Let a child go with its parent, add a clock where none is named, ask for all others."""
    asked: list[Draft] = []
    words = due.clock or "; ".join((*due.onlys, rest)).strip("; ")
    for draft, condition, _ in unclear:
        if condition or not _follow(book, draft, period, action, words, statement):
            asked.append(draft)
    if not asked:
        return
    names = ", ".join(d.name for d in asked)
    conditions = "; ".join(c for c in (*due.holds, *due.onlys, rest) if c)
    missing = []
    if any(condition for draft, condition, _ in unclear if draft in asked):
        missing.append(f"no column says which rows '{conditions[:100]}' means")
    if any(timeless for draft, _, timeless in unclear if draft in asked) or not missing:
        missing.append(f"no one column says when '{words[:80]}' was")
    book.ask(
        f"Line {statement.line}: '{statement.source.quote}'. For {names}, "
        f"{' and '.join(missing)}. Which columns decide it?",
        *(f"retention:{d.name}" for d in asked),
        source=statement.source, default=f"Nothing of {names} is removed.",
    )  # fmt: skip
    for draft in asked:
        _offer(
            book, draft, statement,
            Retention(period=period, action="keep", basis=statement.source.quote, assumed=True,
                      source=statement.source),
        )  # fmt: skip
    statement.read, statement.kind, statement.beyond = True, "retention", True
    statement.elements.clear()
    book.unread.append(
        Unread(
            line=statement.line, text=statement.text[:200],
            reason=f"{' and '.join(missing)}; nothing is removed until a person says",
        )
    )  # fmt: skip


def _targets(
    book: Book, vocabulary: Vocabulary, statement: Statement, text: str
) -> tuple[list[Draft], str]:
    text = statement.cells[0][1] if statement.cells else text
    if (
        statement.cells
        and re.match(r"(?i)#|id\b|nr", statement.cells[0][0])
        and len(statement.cells) > 1
    ):
        text = statement.cells[1][1]
    keys: list[str] = []
    mentions = vocabulary.mentions(text)
    outside = re.sub(r"\b(?:except|excluding|other than|but not)\b.{0,200}", "", text)
    for mention in mentions:
        if mention.start >= len(outside) or mention.possessive:
            continue
        lead = text[max(0, mention.start - 30) : mention.start].lower()
        if re.search(r"\b(?:after|since|last|without|from|of|on|as|when|once|until)\s+(?:an?|the|"
                     r"their|its|any|last|"
                     r"first)?\s*$", lead):  # fmt: skip
            continue
        if mention.key not in keys:
            keys.append(mention.key)
    if not keys and re.match(
        r"\s*(?:kept|keep|retained|deleted|purged|it is|they are|these)\b", text, re.I
    ):
        keys = [statement.subject] if statement.subject else []
    if not keys and statement.subject and not mentions:
        keys = [statement.subject]
    conditional = re.search(
        r"(?i)\bwithout (?:an?|any)\b|\ball (?:its|their|the) data\b|\bon request\b", text
    )
    if conditional:
        return [], text
    return [book.drafts[key] for key in keys], text


def _action(text: str) -> RetentionAction:
    lowered = text.lower()
    if re.search(rf"\b(?:not|never) (?:be )?(?:\w+ly )?{ACTION_WORDS}", lowered):
        return "keep"
    for pattern, action in _ACTIONS:
        if re.search(pattern, lowered):
            return action
    return "keep"


def _keep(book: Book, draft: Draft, period: str, clock_words: str, statement: Statement) -> None:
    """A statement that only keeps: no row is ever removed by it, so a clock is optional."""
    clock = clock_of(draft, clock_words) if clock_words else birth_clock(draft)
    _set(book, draft, period, "keep", clock, statement)


def _set(
    book: Book, draft: Draft, period: str, action: RetentionAction, clock: str | None,
    statement: Statement, *, hold: str | None = None,
) -> None:  # fmt: skip
    statement.serve("retention", f"retention:{draft.name}")
    _offer(
        book, draft, statement,
        Retention(period=period, action=action, clock_column=clock, hold=hold,
                  basis=statement.source.quote, assumed=False, source=statement.source),
    )  # fmt: skip
    if action == "keep" and period:
        book.assume(
            f"{draft.name} are kept beyond {_said(period)}: nothing is removed",
            "The PRD says how long they are kept, but not what happens then.",
            f"retention:{draft.name}",
        )


def _offer(book: Book, draft: Draft, statement: Statement, fresh: Retention) -> None:
    """Give a relation its retention; of two that differ the longer holds, and a person decides."""
    known, period = draft.retention, fresh.period
    if known is not None and (known.period != period) and known.source is not None:
        longer = max((known, fresh), key=lambda r: (not r.period, _days(r.period)))
        book.ask(
            f"{draft.name} are kept for {_said(known.period)} (line {known.source.line}) or for "
            f"{_said(period)} (line {statement.line}). Which holds?",
            f"retention:{draft.name}", source=statement.source,
            default=f"The longer: {_said(longer.period)}.",
        )  # fmt: skip
        fresh = longer
    draft.retention = fresh


def _said(period: str) -> str:
    return period or "ever"


def _days(period: str) -> float:
    match = re.match(r"PT?(\d+)([YMWDHS])", period)
    if match is None:
        return 0.0
    month = 1 / 1440 if period.startswith("PT") else 30.4
    return (
        int(match[1])
        * {"Y": 365.25, "M": month, "W": 7, "D": 1, "H": 1 / 24, "S": 1 / 86400}[match[2]]
    )


def _follow(
    book: Book, draft: Draft, period: str, action: RetentionAction, clock_words: str,
    statement: Statement,
) -> bool:  # fmt: skip
    """Let a relation without a clock go with a parent of the same line, or give it `created_at`."""
    homes = {
        d.name for d in book.drafts.values()
        if d.retention and d.retention.source == statement.source and d is not draft
        and d.retention.action != "keep"
    }  # fmt: skip
    home = next((k.references for k in draft.foreign_keys if k.references in homes), None)
    if home is not None:
        book.assume(
            f"{draft.name} go with their {home}",
            f"They have no such time of their own; their period is that of {home}.",
            relation_ref(draft),
            f"retention:{home}",
        )
        statement.serve("retention", f"retention:{home}")
        return True
    if clock_words or "created_at" in draft.columns:
        return False
    draft.columns["created_at"] = ColumnDraft(
        "created_at", "timestamp with time zone", default="now()", stated=False,
        sources=[statement.source], comment="When the row was written; starts its retention",
    )  # fmt: skip
    book.assume(
        f"{draft.name}.created_at is added",
        f"Its retention (line {statement.line}) needs a clock and the PRD names none.",
        f"column:{draft.name}.created_at",
    )
    _set(book, draft, period, action, "created_at", statement)
    return True
