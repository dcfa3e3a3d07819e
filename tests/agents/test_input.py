"""Decoding what a user hands over."""

from __future__ import annotations

from pathlib import Path

import pytest

from a13.agents.input import decode_prd, parse_design, read_prd
from a13.errors import InputError

TEXT = "# Shop\n\n- **Café**: name\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings_with_a_mark(encoding: str) -> None:
    assert decode_prd(TEXT.encode(encoding)) == TEXT


def test_utf_16_big_endian_with_mark() -> None:
    assert decode_prd(b"\xfe\xff" + TEXT.encode("utf-16-be")) == TEXT


def test_line_ends_are_one_kind() -> None:
    assert decode_prd(b"a\r\nb\rc\n") == "a\nb\nc\n"


@pytest.mark.parametrize(
    "data", [b"", b"  \n\t\n", b"\xff\xfe", b"\x00\x01binary", b"caf\xe9", TEXT.encode("utf-16-le")]
)
def test_what_is_not_text_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        decode_prd(data)


def test_five_megabytes_are_refused() -> None:
    with pytest.raises(InputError, match="limit is 2,000,000") as caught:
        decode_prd(b"a" * 5_000_000)
    assert caught.value.hint


def test_five_megabytes_of_text_are_refused() -> None:
    with pytest.raises(InputError, match="limit"):
        read_prd("a\n" * 2_500_000)


def test_a_path_a_string_and_a_text(tmp_path: Path) -> None:
    path = tmp_path / "a prd.md"
    path.write_bytes(TEXT.encode("utf-16"))
    assert read_prd(path) == read_prd(str(path)) == read_prd(TEXT) == TEXT


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no-such\.md"):
        read_prd(str(tmp_path / "no-such.md"))
    with pytest.raises(InputError):
        read_prd(tmp_path)


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "big.md"
    path.write_text("x" * 200)
    with pytest.raises(InputError, match="200 bytes"):
        read_prd(path, max_bytes=100)


def test_one_line_of_prose_is_a_text() -> None:
    assert read_prd("A customer has a name and an email.") == "A customer has a name and an email."


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[1]",
        '"prd.md"',
        "[" * 200_000,
        '{"name": 1}',
        '{"name": "\\ud800"}',
        '{"name": "x", "objectives": {"rpo_seconds": Infinity}}',
        '{"name": "x", "workload": [{"name": "q", "purpose": "", "sql": "select 1",'
        ' "frequency": NaN}]}',
        '{"name": "x", "objectives": {"rpo_seconds": ' + "9" * 5000 + "}}",
    ],
)
def test_a_structured_design_that_is_none_is_refused_with_what_to_do(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_design(text, name="design.json")
    assert caught.value.hint


def test_a_structured_design_is_read() -> None:
    assert parse_design('{"name": "x"}', name="design.json").name == "x"
