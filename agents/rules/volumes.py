"""Volumes: "50,000 customers", "10 million orders per year", "2.3 lines per order".

Policy: a rate counts one year, unless a horizon is stated beside it or in the section, or the
relation keeps its rows for several years and then removes them. A rate and a size for one
relation: the size holds. Two sizes that differ are a question, and the larger is used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...domain.design import Volume
from ...domain.requirements import Citation
from .book import Book, Statement
from .elements import relation_ref
from .vocabulary import Mention, Vocabulary
from .words import NUMBER, find_duration, number_of, seconds_of

_YEAR = {"year": 1, "annum": 1, "yr": 1, "month": 12, "week": 52, "day": 365, "hour": 8760}
_NUMBER = re.compile(
    r"(?<![\w.,-])(?:~|≈|about |around |approx\.? |up to )?\s?(" + NUMBER + r")(?!\s?%|[\w-])", re.I
)
_RATE = re.compile(
    r"^[^.;|]{0,40}?(?:per|a|an|each|every|/)\s?(year|annum|yr|month|week|day|hour)\b|"
    r"^[^.;|]{0,30}?\b(yearly|annually|monthly|weekly|daily)\b",
    re.I,
)
_ADVERB = {"yearly": 1, "annually": 1, "monthly": 12, "weekly": 52, "daily": 365}
_HORIZON = re.compile(
    r"\b(?:(first|second|third|fourth|fifth)\s+year|(?:over|within|after|in|for)\s+(\w+)\s+years|"
    r"(one|two|three|four|five|\d+)[- ]years?(?:\s+horizon)?)\b", re.I
)  # fmt: skip
_ORDINAL = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
_FRACTION = re.compile(
    r"\b(?:one|1) in (\w+) (?=[a-z])|(\d{1,3})\s?% of (?:all |the )?(?=[a-z])", re.I
)
ENORMOUS = 10**12


@dataclass(slots=True)
class _Size:
    rows: float
    statement: Statement
    per_year: bool
    horizon: int = 0
    rank: int = 1
    of: str = ""


class Volumes:
    """Collects sizes and rates, then settles them."""

    def __init__(self, book: Book, vocabulary: Vocabulary) -> None:
        self.book = book
        self.vocabulary = vocabulary
        self.sizes: dict[str, list[_Size]] = {}
        self.horizon = 0
        # What the block's last sentence named, for "Let's say 1 million".
        self._last: tuple[int, Mention] | None = None

    def read(self, statement: Statement) -> bool:
        """Take the volumes that a statement states."""
        if statement.role in ("people", "skip", "retention", "interface", "questions"):
            return False
        strong = statement.role == "volume"
        text = statement.text
        if (
            strong
            and not self.horizon
            and not re.search(r"\d{3}", text)
            and (m := _HORIZON.search(text))
        ):
            self.horizon = _years(m)
            statement.context = not self.vocabulary.mentions(text)
        if statement.cells and strong:
            return self._row(statement)
        named = self.vocabulary.mentions(text)
        if named:
            self._last = (statement.block, named[-1])
        elif strong and self._last is not None and self._last[0] == statement.block:
            return self._guess(statement, self._last[1].key)
        if not re.search(r"\d", text) and not strong:
            return False
        if not strong and (
            statement.role not in ("overview", "quality", "sla", "requirements", "data", "other")
            or re.search(r"(?i)\bp\d\d\b|\bms\b|within|percent|seconds|characters", text)
        ):
            return False
        return self._sentence(statement, strong)

    def _guess(self, statement: Statement, key: str) -> bool:
        match = _NUMBER.search(statement.text)
        number = number_of(match[1]) if match else None
        if match is None or not number or re.match(r"\s*[%a-z]", statement.text[match.end() :]):
            return False
        return self._add(key, _Size(number, statement, False, 0, 2))

    def _row(self, statement: Statement) -> bool:
        """A row: the entity in the first cell, its size in the first cell with a number."""
        head = statement.cells[0][1]
        mentions = self.vocabulary.mentions(head)
        if not mentions:
            return False
        key = mentions[0].key
        served = False
        growth = False
        for title, cell in statement.cells[1:]:
            match = _NUMBER.search(cell)
            if match is None:
                continue
            rate = _rate(cell[match.end() :]) or _rate(" " + title)
            number = number_of(match[1])
            if number is None:
                continue
            per = self._per_entity(cell[match.end() :])
            if served and (growth or "growth" in title or rate):
                continue
            growth = "growth" in title
            horizon = _horizon_in(cell[match.end() :]) if rate else 0
            served |= self._add(
                key, _Size(number * (rate or 1), statement, bool(rate), horizon, 3, per)
            )
        return served

    def _sentence(self, statement: Statement, strong: bool) -> bool:
        text = statement.text
        mentions = self.vocabulary.mentions(text)
        if not mentions:
            return False
        served = False
        for match in _NUMBER.finditer(text):
            number = number_of(match[1])
            if number is None or (not strong and number < 100):
                continue
            after = next((m for m in mentions if m.start >= match.end()), None)
            gap = text[match.end() : after.start] if after else ""
            if after is None or len(gap) > 40 or re.search(r"[,;.()|:]|\b(?:per|times|concurrent|"
                    r"simultaneous|parallel|with|is|are|in|to|ms|seconds?|minutes?|hours?|days?|"
                    r"euro|"
                    r"percent)\b|%", gap, re.I):  # fmt: skip
                before = [m for m in mentions if m.end <= match.start()]
                between = text[before[-1].end : match.start()] if before else ""
                if not before or not strong or not re.match(r"\s*[:=(–—-]", between):
                    continue
                after = before[-1]
                tail = text[match.end() :]
                if re.match(r"\s*(?:ms|s\b|%|MB|GB|seconds|minutes|days|concurrent)", tail):
                    continue
            else:
                tail = text[after.end :]
            rate = _rate(tail)
            of = self._per_entity(tail) or _each(tail, mentions, after)
            size = _Size(
                number * (rate or 1),
                statement,
                bool(rate),
                _horizon_in(tail) if rate else 0,
                2 if strong else 0,
                of,
            )
            served |= self._add(after.key, size)
        fraction = _FRACTION.search(text) if strong and not served else None
        if fraction is not None and len(mentions) >= 2:
            parts = number_of(fraction[1] or "")
            share = 1 / parts if parts else int(fraction[2] or 0) / 100
            if 0 < share < 1:
                served = self._add(
                    mentions[1].key, _Size(share, statement, False, 0, 2, mentions[0].key)
                )
        return served

    def _per_entity(self, tail: str) -> str:
        match = re.match(r"[^.;|,]{0,30}?\bper\s+(.{1,40})", tail, re.I)
        mentions = self.vocabulary.mentions(match[1]) if match else []
        return mentions[0].key if mentions and mentions[0].start < 3 else ""

    def _add(self, key: str, size: _Size) -> bool:
        if size.rows < 0 or key == size.of:
            return False
        self.sizes.setdefault(key, []).append(size)
        size.statement.serve("volume", relation_ref(self.book.drafts[key]))
        return True

    def settle(self) -> None:
        """Turn what was read into one volume for each relation."""
        for _ in range(4):
            for key, sizes in self.sizes.items():
                if self.book.drafts[key].volume is None:
                    self._settle(key, sizes)

    def _settle(self, key: str, sizes: list[_Size]) -> None:
        draft = self.book.drafts[key]
        best = max(size.rank for size in sizes)
        chosen = [size for size in sizes if size.rank == best]
        rows: list[tuple[int, _Size]] = []
        for size in chosen:
            count = size.rows
            if size.of:
                base = self.book.drafts[size.of].volume
                if base is None:
                    continue
                count *= base.rows
            elif size.per_year:
                count *= self._years(key, size)
            rows.append((min(round(count), 10**18), size))
        if not rows:
            return
        largest, size = max(rows, key=lambda pair: pair[0])
        if len({count for count, _ in rows}) > 1 and not any(s.per_year for _, s in rows):
            lines = ", ".join(f"{count:,} (line {s.statement.line})" for count, s in rows)
            self.book.ask(
                f"The PRD states different volumes for {draft.name}: {lines}. Which holds?",
                relation_ref(draft), source=size.statement.source, default=f"{largest:,} rows.",
            )  # fmt: skip
        if largest >= ENORMOUS:
            self.book.ask(
                f"Are {largest:,} rows of {draft.name} meant?", relation_ref(draft),
                source=size.statement.source,
                default="The volume is kept as stated and measured at the budget's cap.",
            )  # fmt: skip
        draft.volume = Volume(
            rows=largest, assumed=False, text=size.statement.source.quote,
            source=Citation(line=size.statement.line, quote=size.statement.source.quote),
        )  # fmt: skip

    def _years(self, key: str, size: _Size) -> int:
        draft = self.book.drafts[key]
        kept = draft.retention
        years = size.horizon
        why = "the PRD states that horizon"
        if (
            not years
            and kept
            and kept.action != "keep"
            and (m := re.match(r"P(\d+)Y$", kept.period))
        ):
            years, why = (
                int(m[1]),
                f"rows are kept for {m[1]} years (line {kept.source.line})" if kept.source else "",
            )
            if self.horizon:
                years, why = min(years, self.horizon), "the section speaks of that year"
        elif not years and self.horizon:
            years, why = self.horizon, "the section speaks of that year"
        elif not years:
            years, why = 1, "no horizon is stated"
        self.book.assume(
            f"{draft.name}: a rate per year is counted for {years} year{'s' * (years > 1)}", why,
            relation_ref(draft),
        )  # fmt: skip
        return max(1, min(years, 100))


def _rate(tail: str) -> int:
    match = _RATE.match(tail)
    if match is None:
        return 0
    return _YEAR[match[1].lower()] if match[1] else _ADVERB[match[2].lower()]


def _each(tail: str, mentions: list[Mention], after: Mention) -> str:
    """ "with about 4 messages each": of the entity named before."""
    if not re.match(r"\s+each\b", tail, re.I):
        return ""
    before = [m for m in mentions if m.end <= after.start]
    return before[-1].key if before else ""


def _horizon_in(text: str) -> int:
    match = re.search(r";?[^.|]{0,40}\b(one|two|three|four|five|ten|\d+) years?\b", text, re.I)
    number = number_of(match[1]) if match else None
    return int(number) if number else 0


def _years(match: re.Match[str]) -> int:
    if match[1]:
        return _ORDINAL[match[1].lower()]
    return int(number_of(match[2] or match[3] or "") or 0)


_OBJECTIVES = (
    ("rpo", re.compile(r"\brpo\b|recovery point|lose (?:at most|no more than|up to|more than|"
                       r"(?=\d))|"
                       r"data loss|loss of data", re.I)),
    ("rto", re.compile(r"\brto\b|recovery time|be back|back (?:up |online )?(?:with)?in|"
                       r"restored? (?:with)?in|"
                       r"be closed for|be down for|recover(?:ed|y)? within", re.I)),
)  # fmt: skip


def read_objectives(book: Book, statement: Statement) -> bool:
    """RPO and RTO in seconds: "RPO: 5 minutes", "lose at most 15 minutes of data"."""
    text = statement.text
    if not re.search(r"(?i)rpo|rto|recover|lose|loss|back|restore|closed for|down for", text):
        return False
    served = False
    for name, pattern in _OBJECTIVES:
        match = pattern.search(text)
        if match is None or getattr(book.objectives, f"{name}_seconds") is not None:
            continue
        found = find_duration(text[match.end() :][:90]) or find_duration(
            text[match.start() : match.end() + 30]
        )
        zero = re.match(r"\W{0,4}(?:zero|0|none)\b", text[match.end() :], re.I)
        if found is None and zero is None:
            continue
        seconds = int(seconds_of(found[0], found[1])) if found and not zero else 0
        book.objectives = book.objectives.model_copy(
            update={f"{name}_seconds": seconds, f"{name}_source": statement.source}
        )
        statement.serve("recovery", f"objective:{name}")
        served = True
    return served
