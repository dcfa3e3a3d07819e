"""Volumes: "50,000 customers", "10 million orders per year", "2.3 lines per order".

Policy: a volume is what there is now; a growth beside it is noted as an assumption and not added.
A rate counts one year, unless a horizon is stated beside it or in the section, or the relation
keeps its rows for several years and then removes them. A rate and a size for one relation: the
size holds. Two sizes that differ are a question, and the larger is used. In prose a small number
counts only where it stands beside its entity and sets no limit.
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
    r"^(?:(?!\bgrow|\bincreas|\bplus\b)[^.;|\d]){0,40}?(?:\b(?:per|a|an|each|every)|/)\s?(year|annum|yr|month|week|day|hour)\b|"
    r"^(?:(?!\bgrow|\bincreas|\bplus\b)[^.;|\d]){0,30}?\b(yearly|annually|monthly|weekly|daily)\b",
    re.I,
)
_ADVERB = {"yearly": 1, "annually": 1, "monthly": 12, "weekly": 52, "daily": 365}
_HORIZON = re.compile(
    r"\b(?:(first|second|third|fourth|fifth)\s+year|(?:over|within|after|in|for)\s+(\w+)\s+years|"
    r"(one|two|three|four|five|\d+)[- ]years?(?:\s+horizon)?)\b", re.I
)  # fmt: skip
_ORDINAL = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
_FRACTION = re.compile(
    r"\b(?:one|1) in (\w+) (?:of )?(?:all |the |our )*(?=[a-z])|"
    r"(\d{1,3}(?:\.\d+)?)\s?(?:%|percent) of (?:all |the |our )*(?=[a-z])",
    re.I,
)
_GROWTH = re.compile(
    r"(?:\b(?:grow\w*|increas\w*|ris(?:es|ing))\b[^.;|\d]{0,20}|"
    r"\b(?:plus|another|additional)\s+(?:about |around )?|\+\s?)$",
    re.I,
)
# "three sites": a number in words, or a small one, right before the entity.
_SMALL = re.compile(
    r"(?<![\w.,-])(?:about |around |some |~ ?)?"
    r"(two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|"
    r"fifty|sixty|ninety|[2-9]|[1-9]\d)\s+$",
    re.I,
)
_LIMIT_BEFORE = re.compile(
    r"\b(?:up to|at most|at least|max(?:imum|\.)?|no more than|fewer than|less than|more than|over|"
    r"under|within|every|each|per|first|last|next|top|latest|exactly|only|between|to|or|than|"
    r"limit\w*|of|these|those|after|before|for|one)\s+$",
    re.I,
)
# "Members have two loans": a number of each, not of all.
_OWNED = re.compile(r"\b(?:with|has|have|had|holds?|gets?|gives?|needs?|takes?|in|on)\b", re.I)
_LIMIT_AFTER = re.compile(
    r"\s*(?:\([^()]*\)\s*)?(?:per|each|apiece|every|at a time|at once|an?\b|in parallel|max\w*|"
    r"concurrent\w*|at the same time|in a row)\b|\s*/|['’]",
    re.I,
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
            if (share := self._share(cell, key)) is not None:
                served |= self._add(key, _Size(share[0], statement, False, 0, 3, share[1]))
                continue
            match = _NUMBER.search(cell)
            if match is None:
                continue
            rate = _rate(cell[match.end() :]) or _rate(" " + title)
            number = number_of(match[1])
            if number is None:
                continue
            per = self._per_entity(cell[match.end() :])
            if served and (growth or "growth" in title or rate):
                if "growth" in title:
                    self._grows(key)
                continue
            later = _NUMBER.search(cell, match.end())
            if later and _GROWTH.search(cell[: later.start(1)]):
                self._grows(key)
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
        served, text = self._fraction(statement, mentions) if strong else (False, text)
        for match in _NUMBER.finditer(text):
            number = number_of(match[1])
            if number is None or (not strong and number < 100):
                continue
            sized = [m for m in mentions if m.end <= match.start() and m.key in self.sizes]
            if sized and _GROWTH.search(text[: match.start(1)]):
                self._grows(sized[-1].key)
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
        return self._small(statement, text, mentions) or served

    def _fraction(self, statement: Statement, mentions: list[Mention]) -> tuple[bool, str]:
        """ "one in five messages has an attachment", "fines: 1 in 20 loans"; the text without."""
        text = statement.text
        served = False
        for match in _FRACTION.finditer(text):
            whole = next((m for m in mentions if m.start == match.end()), None)
            if whole is None:
                continue
            before = next((m for m in reversed(mentions) if m.end <= match.start()), None)
            if before is not None and not _HEADS.fullmatch(text[before.end : match.start()]):
                before = None
            part = before or next((m for m in mentions if m.start >= whole.end), None)
            if part is not None and (share := _share_of(match)):
                served |= self._add(part.key, _Size(share, statement, False, 0, 2, whole.key))
        # The numbers of a share are no sizes, whether or not its part is known.
        return served, _FRACTION.sub(lambda m: " " * len(m[0]), text)

    def _share(self, cell: str, key: str) -> tuple[float, str] | None:
        """The share and its whole, for a cell like "about 1 in 20 loans"."""
        match = _FRACTION.search(cell)
        if match is None:
            return None
        whole = next((m for m in self.vocabulary.mentions(cell) if m.start == match.end()), None)
        share = _share_of(match)
        return (share, whole.key) if whole and whole.key != key and share else None

    def _small(self, statement: Statement, text: str, mentions: list[Mention]) -> bool:
        """ "three sites and 38 practitioners": small numbers that stand beside their entity."""
        if statement.role not in ("overview", "volume"):
            return False
        served = False
        # "an out-patient clinic" names no patient.
        owner = next((m.end for m in mentions if text[m.start - 1 : m.start] != "-"), 0)
        for mention in mentions:
            match = _SMALL.search(text[: mention.start])
            if (
                match is None or not mention.plural or mention.key in self.sizes
                or _LIMIT_BEFORE.search(text[: match.start()])
                or _LIMIT_AFTER.match(text, mention.end)
                or _OWNED.search(text, owner, match.start())
            ):  # fmt: skip
                continue
            number = number_of(match[1])
            if number:
                rank = 2 if statement.role == "volume" else 0
                served |= self._add(mention.key, _Size(number, statement, False, 0, rank))
        return served

    def _grows(self, key: str) -> None:
        name = self.book.drafts[key].name
        self.book.assume(
            f"{name}: the volume is that of today",
            "The PRD states a growth beside it; it is not added, as no date of measurement is "
            "stated.",
            relation_ref(self.book.drafts[key]),
        )

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
        if any(not size.per_year for size in chosen):
            chosen = [size for size in chosen if not size.per_year]
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


_HEADS = re.compile(r"\s*(?:[:=(|–—-]|are|is)\s*(?:about |around |some |roughly |~ ?)?", re.I)


def _share_of(match: re.Match[str]) -> float:
    """The share that a fraction states, 0.0 where it is none."""
    parts = number_of(match[1] or "")
    share = 1 / parts if parts else float(match[2] or 0) / 100
    return share if 0 < share < 1 else 0.0


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
