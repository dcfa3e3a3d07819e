"""A user's own database: the look at it, the plan, the refusals, applying and rolling back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

from a13.config import Settings
from a13.database.compile import Statement, compile_design, compile_index
from a13.database.connections import connect
from a13.database.fingerprint import differences, read_fingerprint
from a13.database.history import initialise, write_revision
from a13.database.revisions import upgrade
from a13.database.server import Server
from a13.database.target import apply_plan, inspect_target, plan_apply
from a13.domain.apply import ApplyPlan
from a13.domain.design import Column, Design, Index, IndexKey, Relation
from a13.errors import ConfigError, TargetError

Rows = Callable[[psycopg.Connection], None]
OLD = Path("/usr/lib/postgresql/15/bin")


def step(sql: str, reverse: str = "") -> Statement:
    return Statement(sql=sql, reverse=reverse, element="relation:x")


@pytest.fixture(
    scope="module",
    params=[
        "own",
        pytest.param("15", marks=pytest.mark.skipif(not OLD.exists(), reason="no PostgreSQL 15")),
    ],
)
def users_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    settings = Settings(pg_bin=OLD) if request.param == "15" else Settings()
    with Server(settings=settings) as running:
        with running.connect() as connection:
            connection.execute("CREATE ROLE dba LOGIN CREATEROLE PASSWORD 's3cret-word'")
        yield running


@pytest.fixture
def target(users_server: Server) -> Iterator[URL]:
    """A database with something in it, as its owner, who is no superuser."""
    with users_server.connect() as connection:
        connection.execute("CREATE DATABASE shop OWNER dba")
    url = users_server.url("shop").set(username="dba", password="s3cret-word")
    with connect(url) as connection:
        connection.execute("CREATE TABLE theirs (id int PRIMARY KEY, name text)")
        connection.execute("INSERT INTO theirs VALUES (1, 'kept')")
    yield url
    users_server.drop_database("shop")
    with users_server.connect() as connection:
        connection.execute("DROP ROLE IF EXISTS courts_app, courts_report, d_app")


def plan(
    server: Server, url: URL, migrations: Path, design: Design, rows: Rows | None = None
) -> ApplyPlan:
    return plan_apply(
        url, migrations, server=server, design=design, load_rows=rows or (lambda connection: None)
    )


def snapshot(url: URL) -> dict[str, str]:
    with connect(url) as connection:
        return read_fingerprint(connection, version_table=True).objects


def test_a_look_changes_nothing(
    server: Server, users_server: Server, target: URL, courts: Design
) -> None:
    before = snapshot(target)
    facts = inspect_target(target, design=courts, own_version=server.version)
    assert facts.tables == ("theirs",) and facts.revision is None
    assert (facts.role, facts.database) == ("dba", "shop")
    assert facts.server_version == users_server.version
    assert facts.may_create_tables and facts.may_create_roles and not facts.superuser
    assert facts.problems == () and facts.collisions == ()
    other = users_server.version.split(".")[0] != server.version.split(".")[0]
    assert bool(facts.not_proved) == other
    assert snapshot(target) == before
    assert "s3cret-word" not in facts.model_dump_json()


def test_an_approved_plan_is_carried_out(
    server: Server, target: URL, migrations: Path, courts: Design, courts_rows: Rows
) -> None:
    made = plan(server, target, migrations, courts, courts_rows)
    assert [revision.id for revision in made.revisions] == ["0001"]
    assert made.sha256 == ApplyPlan.model_validate_json(made.model_dump_json()).sha256
    assert "s3cret-word" not in made.model_dump_json()
    assert "courts_app" in made.rollback and "before the first revision" in made.rollback
    done = apply_plan(target, migrations, made, approved_sha256=made.sha256)
    assert done.failure is None and done.differences == () and done.passed
    assert done.revision == "0001"
    with connect(target) as connection:
        assert connection.execute("SELECT name FROM theirs").fetchall() == [("kept",)]
        assert connection.execute("SELECT count(*) FROM bookings").fetchone() == (0,)
    with pytest.raises(ConfigError, match="nothing to apply"):
        plan(server, target, migrations, courts)


def test_an_extension_and_roles_that_were_there_are_used(
    server: Server, users_server: Server, target: URL, migrations: Path, courts: Design
) -> None:
    with users_server.connect("shop") as connection:
        connection.execute("CREATE EXTENSION citext; CREATE ROLE courts_app")
    made = plan(server, target, migrations, courts)
    assert made.target.notes == ("role courts_app is already there and is used as it is",)
    done = apply_plan(target, migrations, made, approved_sha256=made.sha256)
    assert done.passed, done


def test_names_that_are_taken_forbid_the_plan(
    server: Server, target: URL, migrations: Path, courts: Design
) -> None:
    with connect(target) as connection:
        connection.execute("CREATE TABLE bookings (a int)")
        connection.execute("CREATE INDEX uq_clubs_name ON theirs (name)")
        connection.execute("CREATE TYPE members AS ENUM ('a')")
    before = snapshot(target)
    made = plan(server, target, migrations, courts)
    assert made.target.collisions == (
        "index uq_clubs_name", "relation bookings", "type members",
    )  # fmt: skip
    with pytest.raises(TargetError, match="bookings is already there"):
        apply_plan(target, migrations, made, approved_sha256=made.sha256)
    assert snapshot(target) == before


def test_names_that_a_later_revision_needs_are_looked_up_too(
    server: Server, target: URL, migrations: Path, courts: Design
) -> None:
    assert upgrade(target, migrations) is None
    with connect(target) as connection:
        connection.execute("CREATE INDEX ix_bookings_price ON theirs (name)")
    index = Index(keys=(IndexKey(column="price"),))
    statement = compile_index(courts.relation("bookings"), index, concurrently=True)
    write_revision(migrations, message="i", statements=[statement])
    made = plan(server, target, migrations, courts)
    assert made.target.problems == ("index ix_bookings_price is already there",)


def test_missing_rights_forbid_the_plan(
    server: Server, users_server: Server, target: URL, migrations: Path, courts: Design
) -> None:
    with users_server.connect("shop") as connection:
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 'g'")
    try:
        facts = plan(server, target.set(username="guest", password="g"), migrations, courts).target
        assert not facts.may_create_tables
        text = "; ".join(facts.problems)
        assert "may not create tables" in text and "may not create the roles" in text
        assert "may not create the extension citext" in text
    finally:
        with users_server.connect() as connection:
            connection.execute("DROP ROLE guest")


def test_rights_that_a_role_holds_already_forbid_the_plan(
    server: Server, users_server: Server, target: URL, migrations: Path, courts: Design
) -> None:
    with users_server.connect("shop") as connection:
        connection.execute("CREATE ROLE courts_app; GRANT USAGE ON SCHEMA public TO courts_app")
    made = plan(server, target, migrations, courts)
    assert "role courts_app already holds rights in schema public" in made.target.problems


def test_an_approval_is_for_one_plan_only(
    server: Server, target: URL, migrations: Path, courts: Design
) -> None:
    made = plan(server, target, migrations, courts)
    before = snapshot(target)
    with pytest.raises(TargetError, match="another plan"):
        apply_plan(target, migrations, made, approved_sha256="0" * 64)
    forged = made.model_copy(update={"rollback": "nothing to fear"})
    with pytest.raises(TargetError, match="another plan"):
        apply_plan(target, migrations, forged, approved_sha256=made.sha256)
    path = next((migrations / "versions").glob("0001*.py"))
    text = path.read_text()
    path.write_text(text.replace("UPGRADE = (", "UPGRADE = ('DROP TABLE theirs',", 1))
    with pytest.raises(TargetError, match="revisions changed"):
        apply_plan(target, migrations, made, approved_sha256=made.sha256)
    path.write_text(text)
    assert snapshot(target) == before
    with connect(target) as connection:
        connection.execute("ALTER TABLE theirs ADD since date")
    with pytest.raises(TargetError, match="changed since"):
        apply_plan(target, migrations, made, approved_sha256=made.sha256)
    assert len(snapshot(target)) == len(before) + 1


def test_one_run_at_a_time(server: Server, target: URL, migrations: Path, courts: Design) -> None:
    made = plan(server, target, migrations, courts)
    with connect(target) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (0x0A13_0001,))
        with pytest.raises(TargetError, match="Another A13"):
            apply_plan(target, migrations, made, approved_sha256=made.sha256)


def test_what_the_users_rows_refuse_is_rolled_back(
    server: Server, target: URL, migrations: Path, courts: Design, courts_rows: Rows
) -> None:
    assert upgrade(target, migrations) is None
    with connect(target) as connection:
        # FORCE ROW LEVEL SECURITY holds for the owner too.
        connection.execute("SELECT set_config('app.tenant_id', '1', false)")
        connection.execute('INSERT INTO courts ("order") VALUES (-1)')
    write_revision(
        migrations, message="surface",
        statements=[step("ALTER TABLE courts ADD surface text", "ALTER TABLE courts DROP surface")],
    )  # fmt: skip
    write_revision(
        migrations, message="rule",
        statements=[step("ALTER TABLE courts ADD CONSTRAINT ck_o CHECK (\"order\" > 0)")],
    )  # fmt: skip
    made = plan(server, target, migrations, courts, courts_rows)
    assert [revision.id for revision in made.revisions] == ["0002", "0003"]
    before = snapshot(target)
    done = apply_plan(target, migrations, made, approved_sha256=made.sha256)
    assert not done.passed and done.rolled_back and done.left == ()
    assert done.failure is not None
    assert (done.failure.sqlstate, done.failure.revision) == ("23514", "0003")
    assert done.revision == "0001"
    assert snapshot(target) == before


def test_what_only_the_targets_version_refuses_leaves_nothing(
    server: Server, users_server: Server, target: URL, tmp_path: Path
) -> None:
    if int(users_server.version.split(".")[0]) >= 18:
        pytest.skip("uuidv7() is there")
    key = Column(name="id", type="uuid", default="uuidv7()")
    design = Design(name="d", relations=(Relation(name="t", columns=(key,), primary_key=("id",)),))
    initialise(tmp_path)
    write_revision(tmp_path, message="schema", statements=compile_design(design))
    made = plan(server, target, tmp_path, design)
    assert "the proof ran on" in made.target.not_proved[0]
    before = snapshot(target)
    done = apply_plan(target, tmp_path, made, approved_sha256=made.sha256)
    assert done.failure is not None and done.failure.sqlstate == "42883"
    assert done.failure.element == "relation:t"
    assert done.rolled_back and done.revision is None
    assert snapshot(target) == before, "not even Alembic's own table is left"


def test_a_lock_that_others_hold_is_tried_again_and_given_up(
    server: Server, target: URL, migrations: Path, courts: Design, courts_rows: Rows
) -> None:
    assert upgrade(target, migrations) is None
    write_revision(
        migrations, message="surface", lock_timeout_ms=50,
        statements=[step("ALTER TABLE courts ADD surface text", "ALTER TABLE courts DROP surface")],
    )  # fmt: skip
    made = plan(server, target, migrations, courts, courts_rows)
    with connect(target, autocommit=False) as reader:
        reader.execute("SELECT * FROM courts")
        done = apply_plan(target, migrations, made, approved_sha256=made.sha256)
        reader.rollback()
    assert done.failure is not None and done.failure.sqlstate == "55P03"
    assert done.attempts == 3 and done.rolled_back and done.revision == "0001"
    again = apply_plan(target, migrations, made, approved_sha256=made.sha256)
    assert again.passed and again.attempts == 1


def test_what_comes_out_other_than_proved_is_told(
    server: Server, users_server: Server, target: URL, migrations: Path, courts: Design
) -> None:
    with users_server.connect("shop") as connection:
        # Every new table of dba is readable by everybody: the clone cannot know.
        connection.execute("ALTER DEFAULT PRIVILEGES FOR ROLE dba GRANT SELECT ON TABLES TO PUBLIC")
    made = plan(server, target, migrations, courts)
    done = apply_plan(target, migrations, made, approved_sha256=made.sha256)
    assert done.failure is None and not done.passed
    assert "other than proved: table public.bookings" in done.differences


def test_sessions_that_are_ended_in_the_middle_are_survived(
    server: Server, target: URL, migrations: Path, courts: Design
) -> None:
    assert upgrade(target, migrations) is None
    write_revision(
        migrations, message="more",
        statements=[step("ALTER TABLE courts ADD surface text", "ALTER TABLE courts DROP surface")],
    )  # fmt: skip
    write_revision(
        migrations, message="rude",
        statements=[
            step("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                 "WHERE usename = 'dba' AND pid <> pg_backend_pid()"),
            step("SELECT CASE current_user WHEN 'dba' THEN 1 / (length(current_user) - 3) END"),
        ],
    )  # fmt: skip
    made = plan(server, target, migrations, courts)
    before = snapshot(target)
    done = apply_plan(target, migrations, made, approved_sha256=made.sha256)
    assert done.failure is not None
    assert (done.failure.sqlstate, done.failure.revision) == ("22012", "0003")
    assert done.rolled_back and done.revision == "0001" and snapshot(target) == before


def test_what_cannot_be_rolled_back_is_told(
    server: Server, target: URL, migrations: Path, courts: Design
) -> None:
    assert upgrade(target, migrations) is None
    write_revision(
        migrations, message="no way back", statements=[step("CREATE TABLE stays (id int)")]
    )
    write_revision(
        migrations, message="fails",
        statements=[
            step("SELECT CASE current_user WHEN 'dba' THEN 1 / (length(current_user) - 3) END")
        ],
    )  # fmt: skip
    made = plan(server, target, migrations, courts)
    done = apply_plan(target, migrations, made, approved_sha256=made.sha256)
    assert not done.rolled_back and not done.passed
    assert "left over: table public.stays" in done.left


def test_effects_are_measured_on_a_clone(
    server: Server, target: URL, migrations: Path, courts: Design, courts_rows: Rows
) -> None:
    assert upgrade(target, migrations) is None
    bookings = courts.relation("bookings")
    write_revision(
        migrations, message="several",
        statements=[
            step("ALTER TABLE courts ADD hint text"),
            step("ALTER TABLE bookings ADD lot float NOT NULL DEFAULT random()"),
            step("CREATE INDEX ix_own ON members (email)"),
            step("ALTER TABLE members ADD CONSTRAINT ck_m CHECK (id > 0)"),
            step("CREATE TABLE fresh (id int)"),
        ],
    )  # fmt: skip
    index = Index(keys=(IndexKey(column="created_at"),))
    write_revision(
        migrations, message="i", statements=[compile_index(bookings, index, concurrently=True)]
    )
    made = plan(server, target, migrations, courts, courts_rows)
    hint, lot, own, check, fresh, *outside = made.effects
    assert [(lock.relation, lock.mode) for lock in hint.locks] == [("courts", "ACCESS EXCLUSIVE")]
    assert hint.rewrites == () and hint.scans == () and hint.measured
    assert lot.rewrites == ("bookings",)
    assert [(lock.relation, lock.mode) for lock in own.locks] == [("members", "SHARE")]
    assert check.scans == ("members",)
    assert [lock.mode for lock in check.locks] == ["ACCESS EXCLUSIVE"]
    assert fresh.locks == ()
    assert not outside[-1].measured
    assert [(lock.relation, lock.mode) for lock in outside[-1].locks] == [
        ("bookings", "SHARE UPDATE EXCLUSIVE")
    ]
    assert made.expected_seconds > 0
    with connect(target) as connection:
        before = read_fingerprint(connection)
    assert "table public.fresh" not in before.objects


def test_a_database_of_other_revisions_is_not_touched(
    server: Server, target: URL, migrations: Path, courts: Design
) -> None:
    with connect(target) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        connection.execute("INSERT INTO alembic_version VALUES ('abc')")
    before = snapshot(target)
    made = plan(server, target, migrations, courts)
    with pytest.raises(TargetError, match="not one of these revisions"):
        apply_plan(target, migrations, made, approved_sha256=made.sha256)
    assert snapshot(target) == before


def test_nobody_answers(target: URL, courts: Design) -> None:
    for url in (target.set(password="wr0ng-word"), target.set(database="ghost")):
        with pytest.raises(TargetError) as caught:
            inspect_target(url)
        assert "word" not in str(caught.value).replace("password", "")
        assert caught.value.__cause__ is None
    with pytest.raises(ConfigError, match="not PostgreSQL"):
        inspect_target("mysql://u:p@h/d")
    with pytest.raises(ConfigError, match="cannot be read"):
        inspect_target("what is this")


def test_the_catalog_of_both_versions_gives_the_same_portable_fingerprint(
    server: Server, database: str, target: URL, migrations: Path
) -> None:
    assert upgrade(target, migrations) is None
    assert upgrade(server.url(database), migrations) is None
    with connect(target) as connection:
        connection.execute("DROP TABLE theirs")
        there = read_fingerprint(connection, portable=True)
    with server.connect(database) as connection:
        here = read_fingerprint(connection, portable=True)
    assert differences(here, there) == ()
