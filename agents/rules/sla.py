"""SLAs: percentile, target, concurrency and rate of a statement or a row, and the words of its
operation.

Where no percentile is stated, the 95th is assumed. A target of zero or below is a question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...domain.workload import Sla, states_latency
from .book import Book, SectionRole, Statement
from .words import number_of

_PERCENTILE = re.compile(
    r"\bp\s?(50|90|95|99)\b|\b(50|90|95|99)(?:th)?[ -]?(?:percentile|%|per ?cent)|\b(median)\b",
    re.I,
)
_TARGET = re.compile(
    r"(?P<op><=?|≤|under|below|within|less than|at most|no more than|not exceed|up to|in under|"
    r"max(?:imum)?|faster than|"
    r"not take longer than|take longer than|longer than|of|in|:|=|at|"
    r"target)?\s*(?P<number>[-−]?\d[\d,.]*)\s*"
    r"(?P<unit>ms|msec|millis\w*|s\b|sec\b|secs\b|seconds?\b)", re.I,
)  # fmt: skip
_CONCURRENCY = re.compile(
    r"(\d[\d,.]*\s?k?)\s*(?:concurrent|simultaneous|parallel)\b|(?:concurrency|in parallel|"
    r"concurrent users?|at the same "
    r"time|at once)\D{0,12}(\d[\d,.]*)|(\d[\d,.]*) (?:users|clients|sessions|agents|people)[^.;,|"
    r"]{0,20}?(?:at once|"
    r"at the same time|in parallel)", re.I,
)  # fmt: skip
_RATE = re.compile(
    r"(\d[\d,.]*\s?k?)\s*(?:requests?|req|queries|transactions?|operations?|lookups?|searches|"
    r"orders|calls|inserts|writes|"
    r"reads|rps|qps|tps)?\s*(?:per|/|a)\s?(second|sec|s|minute|min|hour|h)\b|"
    r"(\d[\d,.]*)\s?(?:rps|qps|tps)\b", re.I,
)  # fmt: skip
# Beside a response time the bare number is enough: "p95 < 10 ms, 20 users".
_CROWD = re.compile(
    r"(?<![\w.,])(\d[\d,.]*)\s+(?:\w+\s+)?(?:users|clients|sessions|connections)\b", re.I
)
_TIME_TITLE = re.compile(
    r"\b(?:response|latency|time|speed|how fast|wait|slo|sla|target|answers?)\b", re.I
)
_TIME_CELL = re.compile(
    r"(?:<=?|≤|~|about|max\.?|under|below|within|at most|up to)?\s*\d[\d.,]*\s?"
    r"(?:ms|msecs?|milliseconds?|s|secs?|seconds?)\b.{0,40}", re.I,
)  # fmt: skip
_VAGUE = re.compile(
    r"\b(?:a few|some|several|fast|instant|immediate\w*|snappy|quick\w*|responsive|at once)\b", re.I
)


@dataclass(slots=True)
class Objective:
    """An objective with the words of the operation it is for."""

    operation: str
    sla: Sla


def read_objective(book: Book, statement: Statement) -> Objective | None:
    """The latency objective of a statement, or None. Impossible targets become questions."""
    if statement.cells:
        found = _row(book, statement)
        if found is not None or statement.role == "sla" or not states_latency(statement.text):
            return found
    text = statement.text
    if not re.search(r"\d\s?(?:ms|s\b|sec|milli)", text):
        return None
    if statement.role != "sla" and not (_PERCENTILE.search(text) or re.search(
        r"(?i)\b(?:respond|response|return|load|complete|finish|answer|quer|latency|within|under|"
        r"below|less than)", text
    )):  # fmt: skip
        return None
    match = _target(text)
    if match is None:
        return None
    operation = _PERCENTILE.sub(" ", text[: match.start()] + " " + text[match.end() :])
    operation = _CONCURRENCY.sub(" ", operation)
    operation = re.sub(
        r"\b(?:must|shall|should|has to|returns?|responds?|completes?|"
        r"finish(?:es)?|at|be|is|within|under|"
        r"below|less than|the system|p95|latency|may take|take)\b|[<>≤=:]",
        " ",
        operation,
        flags=re.I,
    )
    return _objective(book, statement, text, match, " ".join(operation.split()))


def is_time_title(title: str) -> bool:
    """True for the title of a column of response times: "Response", "How fast"."""
    return bool(_TIME_TITLE.search(title)) and not re.search(r"\brt[op]\b|\bkeep", title, re.I)


def role_of_row(role: SectionRole, header: list[str], cells: Sequence[str]) -> SectionRole:
    """The role of a row: "sla" where it tells how long an operation may take, else its table's.

    >>> role_of_row("people", ["I want to", "Response"], ["find a member", "p95 < 10 ms, 20 users"])
    'sla'
    """
    if role in ("recovery", "retention", "skip", "sla"):
        return role
    timed = any(
        (_PERCENTILE.search(cell) and states_latency(cell))
        or (is_time_title(title) and _TIME_CELL.fullmatch(cell.strip()))
        for title, cell in zip(header, cells, strict=False)
    )
    return "sla" if timed else role


def _target(text: str) -> re.Match[str] | None:
    found = [
        m for m in _TARGET.finditer(text) if not re.match(r"\s*(?:after|ago|old)", text[m.end() :])
    ]
    strong = [m for m in found if m["op"]]
    return next(iter(strong or found), None)


def _row(book: Book, statement: Statement) -> Objective | None:
    operation = ""
    target: re.Match[str] | None = None
    words: list[str] = []
    for title, cell in statement.cells:
        # A bare number below "p95 (ms)" has its unit in the header.
        unit = re.search(r"\b(ms|s|sec|seconds)\b", title)
        text = cell
        if unit and re.fullmatch(r"\s*[<≤~]?=?\s*[-−]?\d[\d,.]*\s*", cell):
            text = f"{cell} {unit[1]}"
        if re.search(r"(?i)concurren|parallel|users|clients|sessions", title) and re.search(
            r"\d", cell
        ):
            words.append(f"{number_of(re.sub(r'[^0-9.,k]', '', cell)) or 0:.0f} concurrent")
            continue
        match = _target(text)
        timed = match is not None and (
            statement.role == "sla" or bool(_PERCENTILE.search(title + text)) or "<" in text
            or (is_time_title(title) and len(text) < 40)
        )  # fmt: skip
        if timed and target is None and (len(text) < 60 or "ms" in text):
            target = match
            words += [title, text]
        elif (
            not operation
            and not re.fullmatch(r"[A-Z]{1,8}[-_ ]?\d{1,4}|\d+", cell)
            and not re.search(r"(?i)^(?:id|#|nr|priority)$", title)
        ):
            operation = cell
        else:
            words += [title, cell]
    if target is None or not operation:
        return None
    return _objective(book, statement, " ".join(words), target, operation)


def _objective(
    book: Book, statement: Statement, text: str, match: re.Match[str], operation: str
) -> Objective | None:
    number = number_of(match["number"].lstrip("-−").rstrip(".,"))
    if number is None:
        return None
    target_ms = number * (1 if match["unit"].lower().startswith(("ms", "mil")) else 1000)
    if match["number"].startswith(("-", "−")) or target_ms <= 0:
        book.ask(
            f"A response time of {match[0].strip()} (line {statement.line}) is not possible. "
            f"What is meant?",
            source=statement.source, default="No objective is set.",
        )  # fmt: skip
        return None
    found = (
        _PERCENTILE.search(f"{statement.heading} {text}")
        if not _PERCENTILE.search(text)
        else _PERCENTILE.search(text)
    )
    stated = (found[1] or found[2]) if found else None
    percentile = int(stated) if stated else (50 if found else 95)
    if found is None:
        book.assume(
            f"The response time of line {statement.line} is meant as the 95th percentile",
            "The PRD states no percentile.",
        )
    concurrency = None
    if crowd := _CONCURRENCY.search(text):
        number = number_of((crowd[1] or crowd[2] or crowd[3]).rstrip(".,"))
        concurrency = int(number) if number and number >= 1 else None
    elif crowd := _CROWD.search(text[match.end() if match.string is text else 0 :]):
        concurrency = int(number_of(crowd[1].rstrip(".,")) or 0) or None
    rate = None
    if pace := _RATE.search(text):
        amount = number_of((pace[1] or pace[3]).rstrip(".,")) or 0
        per = (pace[2] or "s").lower()[0]
        rate = amount / {"s": 1, "m": 60, "h": 3600}[per] or None
    return Objective(
        operation,
        Sla(
            percentile=percentile, target_ms=target_ms, concurrency=concurrency,
            rate_per_second=rate, source=statement.source,
        ),
    )  # fmt: skip


def is_vague(text: str) -> bool:
    """True for a wish without a figure: "should feel snappy"."""
    return bool(_VAGUE.search(text)) and not re.search(r"\d\s?(?:ms|s\b|sec)", text)


_GENERAL = re.compile(
    r"\b(?:all|any|every|each|most|typical|simple|standard|common|read|write|api|database|db|"
    r"other|no)\b.{0,20}?\b(?:quer(?:y|ies)|reads?|"
    r"writes?|requests?|operations?|responses?|endpoints?|calls?|lookups?|transactions?|"
    r"pages?)\b|^\s*(?:quer(?:y|ies)|reads?|writes?|"
    r"api responses?|responses?|response times?)\b", re.I,
)  # fmt: skip


def is_general(operation: str) -> bool:
    """True for an objective of every query: "API responses", "all read queries"."""
    return bool(_GENERAL.search(operation))
