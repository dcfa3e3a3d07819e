"""The workload: the queries an application runs, and how fast they must be."""

from __future__ import annotations

import re
from typing import Literal

from .base import Value
from .requirements import Citation

_UNIT = r"(?:ms|msecs?|milliseconds?|s|secs?|seconds?)\b"
_LATENCY = re.compile(
    rf"\bp\s?(?:50|90|95|99)\b[^|;]{{0,40}}?\d\s?{_UNIT}|"
    r"\d\s?(?:ms|msecs?|milliseconds?)\b|"
    r"(?:<=?|≤|\b(?:under|below|within|less than|at most|no more than|up to|not exceed|faster than|"
    r"longer than|in under|respon\w+ (?:time )?(?:of|in)|loads? in|answers? in|returns? in))"
    rf"\s*(?:an?\s|one\s|half\s|\d[\d.,]{{0,9}}\s?){_UNIT}", re.I,
)  # fmt: skip


def states_latency(text: str) -> bool:
    """True for words that hold a response time: "p95 < 10 ms", "within 2 seconds".

    >>> states_latency("answers within 0.5 seconds"), states_latency("kept for 30 days")
    (True, False)
    """
    return bool(_LATENCY.search(text))


class Parameter(Value):
    """A named parameter of a query and where its values come from.

    Values are drawn from the loaded rows of `relation.column`, so that a query meets values that
    exist, with their skew. `shift` moves a drawn value (an ISO 8601 duration, "P30D" or "-P30D",
    or a number as text): a range's upper end is its lower end plus a shift. `template` wraps a
    drawn text, "%{}%" for an infix search. `limit` cuts a drawn text to so many characters
    (a prefix search).
    """

    name: str
    relation: str
    column: str
    shift: str | None = None
    template: str | None = None
    limit: int | None = None


class Sla(Value):
    """A latency objective: `percentile` of the times is below `target_ms`.

    `concurrency` (clients at once) and `rate_per_second` are None where the PRD states none.
    """

    percentile: Literal[50, 90, 95, 99] = 95
    target_ms: float
    concurrency: int | None = None
    rate_per_second: float | None = None
    assumed: bool = False
    source: Citation | None = None


class WorkloadQuery(Value):
    """A query with named parameters (`:name`), who needs it, and its objective.

    One statement: SELECT, or INSERT/UPDATE/DELETE on one relation (writes are rolled back when
    measured). `frequency` weighs it against the others (executions per second, or relative).
    """

    name: str
    purpose: str
    sql: str
    parameters: tuple[Parameter, ...] = ()
    sla: Sla | None = None
    frequency: float = 1.0
    origin: Literal["prd", "design"] = "design"
    requirement: str | None = None
    sources: tuple[Citation, ...] = ()
