"""Escaping: text that nobody trusts shows as these words and nothing else."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from a13.documents.markdown import (
    Linker,
    Md,
    block,
    bullets,
    cell,
    clean,
    code,
    count,
    inline,
    milliseconds,
    seconds,
    size,
    table,
)

HOSTILE = (
    "<script>alert(1)</script>",
    "<svg onload=alert(1)>",
    "a | b | c",
    "`code` and ``more``",
    "[click](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "<!-- comment -->",
    "line one\nline two\r\n# heading",
    "*bold* _em_ ~~gone~~ $math$",
    "# heading",
    "> quote",
    "- item",
    "1. item",
    "---",
    "&lt;b&gt; &amp;",
    "\\| \\` \\",
    "http://evil.example www.evil.example",
    "a\u202eb\u200bc\u0000d",
    "snake_case_name and __dunder__",
    "=====",
    "```\nfence\n```",
)
PARSER = MarkdownIt("gfm-like", {"linkify": False, "html": True}).enable("table")


def words(tokens) -> str:  # type: ignore[no-untyped-def]
    """The text of parsed Markdown; fails on anything that is more than text."""
    found = []
    for token in tokens:
        assert token.type in (
            "paragraph_open", "paragraph_close", "inline", "text", "text_special", "softbreak",
        ), (token.type, token.content)  # fmt: skip
        if token.type == "inline":
            found.append(words(token.children))
        elif token.type in ("text", "text_special"):
            found.append(token.content)
    return "".join(found)


@pytest.mark.parametrize("text", HOSTILE)
def test_inline_shows_exactly_these_words(text: str) -> None:
    assert words(PARSER.parse(inline(text))) == clean(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_code_shows_exactly_these_words(text: str) -> None:
    inner = PARSER.parse(code(text))[1].children
    assert inner is not None
    assert [token.type for token in inner] == ["code_inline"]
    assert inner[0].content == clean(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_keeps_its_shape(text: str) -> None:
    tokens = PARSER.parse(table(("A", "B"), [(text, code(text)), ("x", text)]))
    kinds = [token.type for token in tokens]
    assert kinds.count("td_open") == 4
    assert kinds.count("table_open") == 1
    assert not any(token.type.startswith("html") for token in tokens)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_code_block_cannot_be_closed_from_inside(text: str) -> None:
    tokens = PARSER.parse(block(text, "sql"))
    assert [token.type for token in tokens] == ["fence"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_list_item_stays_one_item(text: str) -> None:
    kinds = [token.type for token in PARSER.parse(bullets([text]))]
    assert kinds == [
        "bullet_list_open", "list_item_open", "paragraph_open", "inline", "paragraph_close",
        "list_item_close", "bullet_list_close",
    ]  # fmt: skip


def test_marked_text_is_not_escaped_twice() -> None:
    once = inline("a | b")
    assert inline(once) == once
    assert cell(Md("**x** | `a | b` | \\|")) == "**x** \\| `a \\| b` \\| \\|"


def test_links_are_relative_and_quoted() -> None:
    link = Linker("docs/architecture/database.md", "evidence/ledger.jsonl")
    assert link.evidence(("E-0001", "E-0002")) == (
        "[E-0001](../../evidence/ledger.jsonl), [E-0002](../../evidence/ledger.jsonl)"
    )
    assert link.file("models.py") == "[models.py](../../models.py)"
    assert link.file("a b)(.md", "x") == "[x](../../a%20b%29%28.md)"
    assert link.evidence(()) == ""


def test_figures_carry_their_units() -> None:
    assert [milliseconds(v) for v in (None, 0.1234, 12.34, 1234.5)] == [
        "not measured", "0.12 ms", "12.3 ms", "1,234 ms",
    ]  # fmt: skip
    assert [seconds(v) for v in (None, 0, 0.25, 60, 61.5, 600, 7200, 86400 * 3)] == [
        "not measured", "0 s", "250 ms", "60 s", "61.5 s", "10 min", "2 h", "3 days",
    ]  # fmt: skip
    assert [size(v) for v in (None, 100, 2048, 3 << 20, 5 << 40)] == [
        "not measured", "100 B", "2.0 kiB", "3.0 MiB", "5.0 TiB",
    ]  # fmt: skip
    assert count(1, "table") == "1 table"
    assert count(1200, "row") == "1,200 rows"
    assert count(2, "criterion", "criteria") == "2 criteria"
