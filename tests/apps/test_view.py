"""What a terminal shows: nothing to copy is cut, and a progress line is words."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import make_url

from a13.apps import view
from a13.database.facts import ServerFacts
from a13.domain.design import Column, Design, Relation
from a13.domain.progress import Event
from a13.evidence.verify import Problem, Verification

DEEP = "/opt/" + "/".join(f"folder_{n}" for n in range(16)) + "/bin"


@pytest.fixture(params=[40, 80, 120])
def printed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Everything that the view prints, at some width, without a terminal."""
    written = io.StringIO()

    def console(**options: Any) -> Console:
        return Console(file=written, width=request.param, **{**options, "stderr": False})

    monkeypatch.setattr(view, "Console", console)
    return lambda: [line.rstrip() for line in written.getvalue().splitlines()]


def test_doctor_shows_whole_paths(printed: Any) -> None:
    facts = ServerFacts(
        version="18.6",
        origin="wheel",
        bin_dir=DEEP,
        cache_dir=DEEP,
        cache_size_bytes=1,
        extensions=tuple(f"ext_{n}" for n in range(40)),
    )
    view.show_facts(facts)
    lines = printed()
    assert f"programs    {DEEP}" in lines
    assert any(line.startswith(f"cache       {DEEP} (") for line in lines)
    assert "ext_39" in "\n".join(lines)


def test_serve_shows_whole_commands(printed: Any) -> None:
    url = make_url(f"postgresql+psycopg://postgres:pw@/a13?host={DEEP}&port=5432")
    view.show_served(SimpleNamespace(url=url, place=SimpleNamespace(root=Path(DEEP))))  # type: ignore[arg-type]
    lines = printed()
    assert DEEP in lines
    assert f"PGPASSWORD=pw psql -h {DEEP} -p 5432 -U postgres a13" in lines
    assert url.render_as_string(hide_password=False) in lines


def test_a_problem_of_the_evidence_keeps_its_path(printed: Any) -> None:
    problem = Problem(kind="stale", where=DEEP, message="It [bold]is[/] not the file.")
    view.show_verification(Verification(ok=False, records=1, head="", problems=(problem,)))
    assert any(f"stale {DEEP}: It [bold]is[/] not the file." in line for line in printed())


def test_the_moving_line_holds_no_raw_facts(printed: Any) -> None:
    progress = view.Progress()
    facts = (("seconds", "1.171"), ("detail", "3 files"), ("path", "/x"))
    progress.hear(Event(step="manage_data", what="base backup finished", facts=facts))
    assert progress._detail == "base backup finished: 3 files"
    progress.hear(Event(step="manage_data", what="dump restored", facts=(("seconds", "1"),)))
    assert progress._detail == "dump restored"
    progress.hear(Event(step="design", what="It holds.", facts=(("outcome", "passed"),)))
    assert printed() == [" ✓ Design       It holds."]


def test_a_design_keeps_its_names_whole(printed: Any) -> None:
    name = "insurance_company_contact_person_name"
    design = Design(
        name="x",
        relations=(
            Relation(
                name="insurance_company_contacts",
                columns=(
                    Column(name="id", type="bigint"),
                    Column(name=name, type="character varying(120)", nullable=True),
                ),
                primary_key=("id",),
            ),
        ),
    )
    view.show_design(design)
    lines = printed()
    assert "insurance_company_contacts" in lines
    assert f"  {'id':<{len(name)}}  {'bigint':<22}  PK" in lines
    assert f"  {name}  character varying(120)  null" in lines
