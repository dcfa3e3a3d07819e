"""A user's own database: only read until an approval, then changed exactly as approved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from a13 import A13Agent, A13Result
from a13.config import Settings
from a13.database.fingerprint import read_fingerprint
from a13.database.server import Server
from a13.database.target import apply_plan
from a13.domain.design import Design
from a13.domain.plan import Budget
from a13.errors import ConfigError, TargetError, ThreadError
from a13.testing import ScriptedPlanner

BUDGET = Budget(samples_per_query=5, rows_per_relation=1_000)
POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(
    scope="module",
    params=[
        "18",
        pytest.param(
            "15",
            marks=pytest.mark.skipif(
                not POSTGRES_15.exists(), reason="PostgreSQL 15 is not installed"
            ),
        ),
    ],
)
def theirs(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that plays the user's own."""
    settings = Settings(pg_bin=POSTGRES_15) if request.param == "15" else Settings()
    with Server(profile="durable", settings=settings) as server:
        yield server


@pytest.fixture
def target(theirs: Server) -> Iterator[str]:
    theirs.create_database("shop")
    yield theirs.url("shop").render_as_string(hide_password=False)
    theirs.drop_database("shop")


def catalog_of(server: Server) -> str:
    with server.connect("shop") as connection:
        return read_fingerprint(connection, version_table=True).sha256


def agent_for(design: Design, url: str, **more: object) -> A13Agent:
    planner = ScriptedPlanner(proposals=[design])
    return A13Agent(planner, database=url, budget=BUDGET, **more)  # type: ignore[arg-type]


def waiting(design: Design, url: str, place: Path) -> A13Result:
    result = agent_for(design, url).run("a library", workspace=place)
    assert result.status == "needs_approval", result.reason
    assert result.exit_code == 4
    return result


def test_nothing_is_written_before_the_approval(
    library: Design, theirs: Server, target: str, tmp_path: Path
) -> None:
    before = catalog_of(theirs)
    result = waiting(library, target, tmp_path / "run")
    assert catalog_of(theirs) == before
    plan = result.approval
    assert plan is not None
    assert [revision.id for revision in plan.revisions] == ["0001"]
    assert any("CREATE TABLE" in effect.statement for effect in plan.effects)
    assert plan.rollback
    password = theirs.url("shop").password
    assert password
    for path in (tmp_path / "run").rglob("*"):
        if path.is_file():
            assert password.encode() not in path.read_bytes(), path


def test_an_approved_plan_is_applied(
    library: Design, theirs: Server, target: str, tmp_path: Path, records_of
) -> None:
    waiting(library, target, tmp_path / "run")
    result = agent_for(library, target).resume(tmp_path / "run", approve=True)
    assert result.status == "completed"
    with theirs.connect("shop") as connection:
        tables = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone()
        rows = connection.execute("SELECT count(*) FROM books").fetchone()
    assert tables == (3,), "two relations and Alembic's own table"
    assert rows == (0,), "no generated row reaches the user's database"
    applied = records_of(result.workspace, "apply")[-1]
    assert applied.outcome == "passed"


def test_a_kill_after_the_last_commit_is_not_taken_for_a_change(
    library: Design, theirs: Server, target: str, tmp_path: Path
) -> None:
    result = waiting(library, target, tmp_path / "run")
    assert result.approval is not None
    migrations = tmp_path / "run/migrations"
    plan = result.approval
    for attempts in (1, 0):  # the second attempt finds that the first was carried out
        report = apply_plan(target, migrations, plan, approved_sha256=plan.sha256)
        assert report.passed
        assert report.attempts == attempts
    with theirs.connect("shop") as connection:
        connection.execute("ALTER TABLE books DROP COLUMN price")
    with pytest.raises(TargetError, match="changed"):
        apply_plan(target, migrations, plan, approved_sha256=plan.sha256)


def test_a_rejected_plan_leaves_everything_as_it_was(
    library: Design, theirs: Server, target: str, tmp_path: Path
) -> None:
    before = catalog_of(theirs)
    waiting(library, target, tmp_path / "run")
    result = agent_for(library, target).resume(tmp_path / "run", approve=False)
    assert result.status == "completed"
    assert "rejected" in result.reason
    assert catalog_of(theirs) == before


def test_a_target_that_changed_after_the_approval_is_refused(
    library: Design, theirs: Server, target: str, tmp_path: Path
) -> None:
    waiting(library, target, tmp_path / "run")
    with theirs.connect("shop") as connection:
        connection.execute("CREATE TABLE somebody_was_here (id int PRIMARY KEY)")
    before = catalog_of(theirs)
    result = agent_for(library, target).resume(tmp_path / "run", approve=True)
    assert "changed" in result.reason
    assert catalog_of(theirs) == before


def test_a_relation_that_is_there_already_is_never_touched(
    library: Design, theirs: Server, target: str, tmp_path: Path
) -> None:
    with theirs.connect("shop") as connection:
        connection.execute("CREATE TABLE books (isbn text PRIMARY KEY)")
        connection.execute("INSERT INTO books VALUES ('978-3')")
    before = catalog_of(theirs)
    agent = agent_for(library, target, approval="always")
    result = agent.run("a library", workspace=tmp_path / "run")
    assert "books" in result.reason
    assert catalog_of(theirs) == before
    with theirs.connect("shop") as connection:
        assert connection.execute("SELECT isbn FROM books").fetchall() == [("978-3",)]


def test_never_only_plans_and_always_applies(
    library: Design, theirs: Server, target: str, tmp_path: Path
) -> None:
    before = catalog_of(theirs)
    never = agent_for(library, target, approval="never").run(
        "a library", workspace=tmp_path / "never"
    )
    assert never.status == "completed"
    assert "never" in never.reason
    assert catalog_of(theirs) == before
    always = agent_for(library, target, approval="always").run(
        "a library", workspace=tmp_path / "always"
    )
    assert always.status == "completed"
    assert always.reason == ""
    assert catalog_of(theirs) != before


def test_a_resume_without_a_word_keeps_waiting(
    library: Design, target: str, tmp_path: Path
) -> None:
    waiting(library, target, tmp_path / "run")
    agent = agent_for(library, target)
    assert agent.resume(tmp_path / "run").status == "needs_approval"
    with pytest.raises(ThreadError, match="approval"):
        agent.resume(tmp_path / "run", answers={"Q-1": "yes"})


def test_a_resume_must_name_the_database_again(
    library: Design, target: str, tmp_path: Path
) -> None:
    waiting(library, target, tmp_path / "run")
    planner = ScriptedPlanner(proposals=[library])
    with pytest.raises(ConfigError, match="database of yours"):
        A13Agent(planner, budget=BUDGET).resume(tmp_path / "run", approve=True)


def test_a_database_that_does_not_answer_is_a_clear_error(
    library: Design, theirs: Server, tmp_path: Path
) -> None:
    url = theirs.url("no_such_database").render_as_string(hide_password=False)
    with pytest.raises(TargetError) as error:
        agent_for(library, url).run("a library", workspace=tmp_path / "run")
    assert str(theirs.url().password) not in str(error.value)


def test_the_role_that_connects_may_lack_rights(
    library: Design, theirs: Server, target: str, tmp_path: Path
) -> None:
    with theirs.connect("shop") as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'only-for-this-test'")
    url = theirs.url("shop").set(username="reader", password="only-for-this-test")
    agent = agent_for(library, url.render_as_string(hide_password=False), approval="always")
    try:
        result = agent.run("a library", workspace=tmp_path / "run")
        assert "Nothing was applied" in result.reason
    except psycopg.Error as error:  # a driver's error must not reach the caller
        pytest.fail(f"a bare driver error: {error}")
