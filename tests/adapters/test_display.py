"""A result in four forms: complete, escaped, and without any script."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from a13.adapters.display import to_html, to_markdown, to_text
from a13.adapters.picture import picture, safe_svg
from a13.adapters.result_view import view
from a13.adapters.terminal import show_summary
from a13.documents.diagram import database_svg
from a13.domain.apply import (
    ApplyPlan,
    CatalogDelta,
    LockTaken,
    PlannedRevision,
    StatementEffect,
    TargetFacts,
)
from a13.domain.catalog import Catalog, CatalogColumn, CatalogTable
from a13.domain.design import Column, Design, Relation, Unread
from a13.domain.evidence import CRITERIA, Criterion, Subject
from a13.domain.findings import Failure
from a13.domain.measurement import QueryMeasurement
from a13.domain.requirements import Assumption, Question
from a13.domain.result import Migration, RunResult, UsageTotal
from a13.domain.workload import Sla

BAD = "<script>alert(1)</script> | `x` <img onerror=alert(1)> [bold red]x[/] [a](javascript:1)"
PAGE = "docs/architecture/database.md"
PICTURE = "docs/architecture/database.svg"


def measurement(name: str, verdict: str, **more: object) -> QueryMeasurement:
    return QueryMeasurement.model_validate(
        {
            "query": name, "sql": "SELECT 1", "samples": 40, "p50_ms": 0.5, "p95_ms": 1.25,
            "p99_ms": 2, "max_ms": 3, "clients": 20, "verdict": verdict,
            "sla": Sla(target_ms=50, concurrency=20), **more,
        }
    )  # fmt: skip


@pytest.fixture
def result(tmp_path: Path) -> RunResult:
    column = CatalogColumn(name="id", type="bigint", nullable=False)
    catalog = Catalog(
        server_version="18.6",
        database="x",
        tables=(CatalogTable(name="orders", columns=(column,)),),
    )
    design = Design(
        name="shop",
        title="Corner shop",
        relations=(
            Relation(
                name="orders", columns=(Column(name="id", type="bigint"),), primary_key=("id",)
            ),
        ),
        unread=(Unread(line=3, text="?"),),
    )
    path = tmp_path / PICTURE
    path.parent.mkdir(parents=True)
    path.write_text(database_svg(design, catalog), encoding="utf-8")
    return RunResult(
        status="completed",
        name="shop",
        planner="rules 0.1.0, no model",
        thread_id="t",
        workspace=str(tmp_path),
        acceptance=tuple(
            Criterion(id=id, text=text, verdict=verdict, reason="seen", evidence=("E-0003",))
            for (id, text), verdict in zip(
                CRITERIA, ("met", "not met", "not proved", "met"), strict=True
            )
        ),
        design=design,
        migrations=(Migration(id="0001", message="schema", path="m", sha256="00", proved=True),),
        sla=(
            measurement("fast", "met"),
            measurement("slow", "missed"),
            measurement("capped", "not_proved"),
            measurement("free", "no_sla", sla=None),
            measurement(
                "broken", "no_sla", failure=Failure(kind="q", message="no", sqlstate="42P01")
            ),
        ),
        artefacts=(Subject(path=PAGE, sha256="00"), Subject(path=PICTURE, sha256="00")),
        questions=(Question(id="Q-1", text="How many?", default="10"),),
        assumptions=(Assumption(id="A-1", text="10 rows", reason="none stated"),),
        usage=UsageTotal(calls=2, input_tokens=1000, output_tokens=234),
    )


def shown(result: RunResult, width: int = 120) -> str:
    """The closing summary as a terminal shows it."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    show_summary(result, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_text(result: RunResult) -> None:
    text = to_text(result)
    for words in (
        "✗ Corner shop: finished, 2 of 4 criteria met",
        "planner: rules 0.1.0, no model; 1 line of the PRD not understood",
        "; 2 model calls, 1,234 tokens",
        "1 table · 0 references · 1 revision, 1 proved",
        "✓ met", "✗ not met", "? not proved", "[E-0003]",
        "p95 < 50 ms with 20 clients",
        "42P01 no",
        "Q-1: How many? (else: 10)",
        "1 assumption, listed in",
        PAGE,
        f"a13 serve {result.workspace}",
    ):  # fmt: skip
        assert words in text, words
    assert "\x1b" not in text


def test_markdown_keeps_its_shape(result: RunResult) -> None:
    text = to_markdown(result)
    kinds = [token.type for token in MarkdownIt("commonmark").enable("table").parse(text)]
    assert kinds.count("table_open") == 3
    assert "p95 &lt; 50 ms" in text


def test_html_stands_alone(result: RunResult) -> None:
    text = to_html(result)
    assert "<svg" in text
    assert "<script" not in text
    assert not re.search(r"\b(?:src|href)\s*=", text)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"\son\w+\s*=", text)
    ElementTree.fromstring(text)
    for words in ("Corner shop", "✓ met", "1.25 ms", "How many?", "10 rows", "E-0003"):
        assert words in text


def test_summary_fits_a_terminal(result: RunResult) -> None:
    text = shown(result)
    for words in ("Corner shop", "✓ met", "✗ missed", "fast", PAGE, "a13 serve", "How many?"):
        assert words in text, words
    narrow = shown(result, width=40)
    assert PAGE in narrow, "a path to copy is never broken"


def test_what_is_copied_is_never_cut_or_folded(result: RunResult) -> None:
    deep = "/somewhere/" + "/".join(f"folder_{n}" for n in range(20))
    other = result.model_copy(update={"workspace": deep})
    for width in (40, 80, 120):
        lines = [line.strip() for line in shown(other, width).splitlines()]
        assert deep in lines
        assert f"next  a13 serve {deep}" in lines
        assert any(line.startswith(PAGE) for line in lines)
        assert "picture, dictionary and proof" in "\n".join(lines)


def test_names_of_queries_stay_whole_and_a_failure_has_its_own_line(result: RunResult) -> None:
    name = "list_all_open_appointments_of_a_practitioner_by_day"
    why = "canceling statement due to statement timeout " * 4
    failure = Failure(kind="query", message=why, sqlstate="57014")
    failed = measurement("stuck", "missed", failure=failure, p50_ms=30_000, p95_ms=30_000)
    judged = measurement("capped", "not_proved", reason="the volume was capped")
    other = result.model_copy(update={"sla": (measurement(name, "met"), failed, judged)})
    for width in (60, 80, 120):
        text = shown(other, width)
        lines = [line.strip() for line in text.splitlines()]
        assert any(line.startswith(f"✓ met         {name}") for line in lines)
        assert any(line.startswith("✗ failed      stuck") for line in lines)
        assert "1.25 ms" in text
        assert "the volume was capped" in text
        long = [line for line in text.splitlines() if len(line) > max(width, 67)]
        assert all("/" in line for line in long), "only paths are longer than the terminal is wide"
    for form in (to_text, to_markdown, to_html, shown):
        text = form(other)
        assert "57014" in text
        assert "30,000" not in text, "a time that was not measured"
    row = view(other).sla[1]
    assert (row.verdict, row.p50, row.p95) == ("failed", "–", "–")
    assert row.reason.startswith("57014 canceling")


def test_a_question_of_many_lines_keeps_them(result: RunResult) -> None:
    question = Question(id="Q-1", text="Which?\n\n- **A**: one (text)\n  - two\n\x1b[31m")
    asked = result.model_copy(update={"questions": (question,)})
    for form in (to_text, shown):
        lines = [line.rstrip() for line in form(asked).splitlines()]
        at = next(n for n, line in enumerate(lines) if line.endswith("Which?"))
        assert lines[at + 1].strip() == "- **A**: one (text)"
        assert lines[at + 2].strip() == "- two"
        assert "\x1b" not in form(asked)
    assert "Which?<br>\\- \\*\\*A\\*\\*: one (text)<br>" in to_markdown(asked)
    assert "Which?\n- **A**: one (text)\n  - two" in to_html(asked)


@pytest.mark.parametrize(
    ("status", "mark", "words"),
    [
        ("needs_input", "?", "--answer Q-1=TEXT"),
        ("needs_approval", "?", "--approve"),
        ("failed", "✗", "a13 resume"),
    ],
)
def test_what_to_do_next(result: RunResult, status: str, mark: str, words: str) -> None:
    other = result.model_copy(update={"status": status, "acceptance": (), "reason": "because"})
    text = to_text(other)
    assert text.startswith(mark)
    assert words in text
    assert "because" in text
    assert words in shown(other)
    assert words in to_html(other)
    assert words in to_markdown(other)


def test_an_approval_is_shown_what_it_is_for(result: RunResult) -> None:
    target = TargetFacts(
        description="postgresql://app@db/shop", database="shop", role="app", server_version="15.9",
        major=15, superuser=False, may_create_tables=True, may_create_roles=False,
        may_create_extensions=False, tables=("old",), size_bytes=1, revision=None, fingerprint="f",
        not_proved=("pgcrypto is not on the private server",),
    )  # fmt: skip
    effect = StatementEffect(
        revision="0001",
        statement="ALTER TABLE old …",
        element="relation:old",
        seconds=0.1,
        locks=(LockTaken(relation="old", mode="AccessExclusiveLock"),),
        rewrites=("old",),
    )
    plan = ApplyPlan(
        target=target,
        revisions=(PlannedRevision(id="0001", message="schema", sha256="00", transactional=True),),
        effects=(effect,),
        expected=CatalogDelta(added=(("table new", "00"),)),
        expected_seconds=0.25,
        rollback="alembic downgrade base",
        server_version="18.6",
    )
    waiting = result.model_copy(update={"status": "needs_approval", "approval": plan})
    for form in (to_text, to_markdown, to_html, shown):
        text = re.sub(r"\s+", " ", form(waiting).replace("&#47;", "/"))
        for words in (
            "0001 schema", "AccessExclusiveLock on old", "250 ms", "alembic downgrade base",
            "1 added, 0 changed", "pgcrypto", plan.sha256[:16],
        ):  # fmt: skip
            assert words in text, (form, words)


def test_queries_without_an_objective_do_not_crowd_the_others(result: RunResult) -> None:
    assert [row.query for row in view(result).sla] == ["fast", "slow", "capped", "broken"]
    for form in (to_text, to_html, to_markdown, shown):
        assert "1 more query measured, without an SLA" in form(result)
    free = tuple(measurement(f"free_{n}", "no_sla", sla=None) for n in range(9))
    other = view(result.model_copy(update={"sla": free}))
    assert [row.mood for row in other.sla] == ["none"] * 5
    assert other.more_queries == "4 more queries measured, without an SLA"


def test_all_met_is_good(result: RunResult) -> None:
    met = tuple(c.model_copy(update={"verdict": "met"}) for c in result.acceptance)
    good = result.model_copy(update={"acceptance": met})
    assert view(good).mood == "good"
    assert to_text(good).startswith("✓")


def test_a_bare_result_shows_too(tmp_path: Path) -> None:
    bare = RunResult(
        status="needs_input", name="x", planner="rules", thread_id="t", workspace=str(tmp_path)
    )
    for form in (to_text, to_markdown, to_html, shown):
        assert "needs your answer" in form(bare)


def test_hostile_words_stay_words(result: RunResult) -> None:
    bad = result.model_copy(
        update={
            "reason": BAD,
            "planner": BAD,
            "acceptance": (result.acceptance[0].model_copy(update={"reason": BAD}),),
            "questions": (Question(id="Q", text=BAD, default=BAD),),
            "assumptions": (Assumption(id="A", text=BAD, reason=""),),
            "sla": (measurement(BAD, "met"),),
        }
    )
    html = to_html(bad)
    tags = {element.tag for element in ElementTree.fromstring(html).iter()}
    assert not tags & {"script", "img", "a"}
    for token in MarkdownIt("commonmark").enable("table").parse(to_markdown(bad)):
        for child in (token, *(token.children or ())):
            assert not child.type.startswith("html")
            assert "javascript" not in str(child.attrs)
    assert "[bold red]x[/]" in shown(bad, width=300), "no markup of the terminal either"


@pytest.mark.parametrize(
    "text",
    [
        "<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
        "<svg xmlns='http://www.w3.org/2000/svg' onload='x()'></svg>",
        "<svg xmlns='http://www.w3.org/2000/svg'><a href='javascript:x()'>x</a></svg>",
        "<svg xmlns='http://www.w3.org/2000/svg'><style>@import 'x'</style></svg>",
        "<svg xmlns='http://www.w3.org/2000/svg'><rect fill='url(http://x)'/></svg>",
        "<svg xmlns='http://www.w3.org/2000/svg'><foreignObject/></svg>",
        "<!DOCTYPE svg [<!ENTITY a 'x'>]><svg xmlns='http://www.w3.org/2000/svg'>&a;</svg>",
        "<html><body/></html>",
        "not xml <",
        "",
    ],
)
def test_an_edited_picture_is_not_shown(text: str) -> None:
    assert safe_svg(text) == ""


def test_the_picture_is_read_from_the_workspace(result: RunResult, tmp_path: Path) -> None:
    assert picture(result).startswith("<svg")
    (tmp_path / PICTURE).unlink()
    assert picture(result) == ""
    assert "<svg" not in to_html(result)
    assert picture(result.model_copy(update={"artefacts": ()})) == ""
