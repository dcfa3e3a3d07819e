"""Repeatable chance in SQL: every draw is a hash of the row's number and a salt.

The same seed gives the same rows on every server, whatever the plan. The skewed draw is a bounded
zipf with s = 1.1, by inversion; its ranks are scattered over the ordinals by a prime.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..domain.identifiers import quote_literal

SPAN_DAYS = 730
# Functions in pg_temp are inlined by the planner; they vanish with the session.
FUNCTIONS = """
CREATE OR REPLACE FUNCTION pg_temp.a13_u(g bigint, salt bigint) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT (hashint8extended(g, salt) & 9007199254740991) / 9007199254740992.0::float8 $$;
CREATE OR REPLACE FUNCTION pg_temp.a13_zipf(u float8, n bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT 1 + ((floor(power((power(n + 1.0::float8, -0.1) - 1) * u + 1, -10.0))::bigint
    * 514229) % n) $$;
CREATE OR REPLACE FUNCTION pg_temp.a13_spread(u float8, n bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT 1 + least(n - 1, floor(u * n)::bigint) $$
"""
DROP_FUNCTIONS = """
DROP FUNCTION pg_temp.a13_u(bigint, bigint);
DROP FUNCTION pg_temp.a13_zipf(float8, bigint);
DROP FUNCTION pg_temp.a13_spread(float8, bigint)
"""


@dataclass(frozen=True)
class Spec:
    """The SQL of a value over `a13_g`, the row's number from 1.

    `capacity` is how many different values there are where the value is unique, None for enough.
    """

    sql: str
    capacity: int | None = None


@dataclass(frozen=True)
class Draws:
    """The draws of one relation under one seed."""

    seed: int
    relation: str

    def salt(self, column: str, purpose: str = "") -> int:
        """A number of 62 bits that belongs to this column and purpose alone."""
        text = f"{self.seed}:{self.relation}:{column}:{purpose}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 2

    def u(self, column: str, purpose: str = "") -> str:
        """SQL of a number in [0, 1) for the row."""
        return f"pg_temp.a13_u(a13_g, {self.salt(column, purpose)})"

    def tag(self, column: str) -> str:
        """SQL of a text that belongs to this column alone, to be hashed with the row's number."""
        return quote_literal(f"{self.salt(column):x}:")


def newest_moment(seed: int) -> datetime:
    """The moment at which all generated rows end: midnight of a day of 2025 that the seed picks.

    Rows reach back `SPAN_DAYS` from it. It does not depend on the clock.
    """
    return datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=seed % 365)


def text_array(texts: Sequence[str]) -> str:
    """An SQL array of texts in parentheses."""
    return f"(ARRAY[{', '.join(quote_literal(t) for t in texts)}]::text[])"


def pick(texts: Sequence[str], u: str) -> str:
    """SQL of one of the texts, the first ones more often."""
    return f"{text_array(texts)}[1 + floor(power({u}, 1.5) * {len(texts)})::int]"
