"""Which texts are values of which types."""

from __future__ import annotations

import pytest

from a13.checks.reading import is_duration
from a13.checks.structure import fits


@pytest.mark.parametrize(
    ("text", "known", "expected"),
    [
        ("open", "text", True),
        ("open", "character varying(4)", True),
        ("opened", "character varying(4)", False),
        ("a\x00", "text", False),
        ("7", "smallint", True),
        ("32768", "smallint", False),
        ("-32768", "smallint", True),
        ("7.0", "integer", False),
        ("99999999999999999999", "bigint", False),
        ("12.5", "numeric(3,1)", True),
        ("100", "numeric(3,1)", False),
        ("NaN", "numeric", False),
        ("1e400", "numeric", True),
        ("1.5", "double precision", True),
        ("x", "real", False),
        ("2026-02-28", "date", True),
        ("2026-02-30", "date", False),
        ("2026-02-28 10:00+01:00", "timestamp with time zone", True),
        ("noon", "timestamp with time zone", False),
        ("6f1c0a52-6d0e-4c0b-9a51-0d2f9a7b0c11", "uuid", True),
        ("6f1c", "uuid", False),
        ("true", "boolean", False),
        ("{}", "jsonb", False),
    ],
)
def test_fits(text: str, known: str, expected: bool) -> None:
    assert fits(text, known) is expected


@pytest.mark.parametrize("text", ["P7Y", "P90D", "P1Y6M", "P2W", "PT12H", "P1DT30M", "PT1.5S"])
def test_a_duration(text: str) -> None:
    assert is_duration(text)


@pytest.mark.parametrize("text", ["", "P", "PT", "P0D", "7Y", "P7", "P-7Y", "41%", "P1Y ", "PT5"])
def test_no_duration(text: str) -> None:
    assert not is_duration(text)
