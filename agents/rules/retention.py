"""Retention: "keep invoices for 10 years", "messages: 2 years after sent, then delete".

Policies: a statement that only keeps removes nothing afterwards. A relation without a time of its
own goes with the relation it refers to. Where a period needs a clock and there is none,
`created_at` is added and labelled as assumed. Two periods for one relation are a question; the
longer holds.
"""

from __future__ import annotations

import re

from ...domain.design import Retention, RetentionAction
from .book import Book, ColumnDraft, Draft, Statement
from .columns import time_of
from .elements import relation_ref
from .vocabulary import Vocabulary
from .words import find_duration, iso_period, seconds_of

_WORDS = re.compile(
    r"\b(?:keep|kept|retain\w*|retention|store[ds]? for|stored until|purge[ds]?|delet\w+|"
    r"erase[ds]?|"
    r"anonymi[sz]\w+|archiv\w+|thrown away|discarded|destroyed|removed after|"
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
    if not _WORDS.search(text) and not (strong and statement.cells):
        return False
    if re.search(r"(?i)\bbackups?\b", text):
        statement.about_data = False
        statement.serve("recovery")
        return True
    if statement.cells:
        return _read_part(book, vocabulary, statement, text, strong)
    read = [_read_part(book, vocabulary, statement, part, strong) for part in _parts(text)]
    return any(read)


_ROLES = frozenset("privacy data rules quality requirements recovery other volume".split())
_AS_LONG = re.compile(r"\b[\w ]{2,40} as long as [^,.;]{2,60}[,.;]?", re.I)


def _parts(text: str) -> list[str]:
    """The text cut behind each period: "orders for 10 years, carts for 30 days"."""
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
    return parts or [text]


def _read_part(
    book: Book, vocabulary: Vocabulary, statement: Statement, text: str, strong: bool
) -> bool:
    found = find_duration(text)
    if _NOT_DATA.search(text) or (found is None and not _FOREVER.search(text)):
        return False
    targets, subject_words = _targets(book, vocabulary, statement, text)
    if not targets:
        if strong or (found and re.search(r"(?i)\b(?:keep|kept|retain)", text)):
            book.ask(
                f"Line {statement.line} states a retention for something that is not stored: "
                f"'{subject_words[:80]}'. Which data does it mean?",
                source=statement.source, default="No retention is planned for it.",
            )  # fmt: skip
        return False
    action = _action(text)
    if found is None or (_FOREVER.search(text) and action == "keep"):
        period, seconds = "", 0.0
        action = "keep"
    else:
        period, seconds = iso_period(found[0], found[1]), seconds_of(found[0], found[1])
        if seconds <= 0:
            book.ask(
                f"A retention of {found[2][0]} (line {statement.line}) is not possible.",
                source=statement.source,
                default="No retention is planned for it.",
            )
            return False
    clock_words = _clock_words(statement, text, found[2].end() if found else 0)
    waiting = []
    for draft in targets:
        if not _give(book, draft, period, action, clock_words, statement):
            waiting.append(draft)
    for draft in waiting:
        _follow(book, draft, targets, period, action, statement)
    return True


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
    for pattern, action in _ACTIONS:
        if re.search(pattern, lowered):
            return action
    return "keep"


def _clock_words(statement: Statement, text: str, at: int) -> str:
    for title, cell in statement.cells:
        if re.search(r"(?i)counted|clock|starts?|from|since|trigger|after", title):
            return cell
    match = re.match(
        r"[^.;]{0,20}?\b(?:after|from|since|following|of|later)\b([^.;,]{0,60})",
        text[at:],
    )
    return match[1] if match else ""


def _give(
    book: Book, draft: Draft, period: str, action: RetentionAction, clock_words: str,
    statement: Statement,
) -> bool:  # fmt: skip
    clock = time_of(draft, clock_words)
    if clock is None and action != "keep":
        return False
    _set(book, draft, period, action, clock, statement)
    return True


def _set(
    book: Book, draft: Draft, period: str, action: RetentionAction, clock: str | None,
    statement: Statement,
) -> None:  # fmt: skip
    known = draft.retention
    fresh = Retention(
        period=period, action=action, clock_column=clock, basis=statement.source.quote,
        assumed=False, source=statement.source,
    )  # fmt: skip
    statement.serve("retention", f"retention:{draft.name}")
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
    if action == "keep" and period:
        book.assume(
            f"{draft.name} are kept beyond {_said(period)}: nothing is removed",
            "The PRD says how long they are kept, but not what happens then.",
            f"retention:{draft.name}",
        )


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
    book: Book, draft: Draft, targets: list[Draft], period: str, action: RetentionAction,
    statement: Statement,
) -> None:  # fmt: skip
    """A relation without a clock goes with its parent, or gets `created_at`."""
    named = {d.name: d for d in targets}
    parents = [k.references for k in draft.foreign_keys]
    home = next((name for name in parents if name in named and named[name].retention), None)
    if home is not None:
        book.assume(
            f"{draft.name} go with their {home}",
            f"They have no time of their own; their period is that of {home}.",
            relation_ref(draft),
            f"retention:{home}",
        )
        statement.serve("retention", f"retention:{home}")
        return
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
