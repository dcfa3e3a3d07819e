"""Revisions: files, the plain command, and what is left after a failure."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from a13.database.compile import Statement, compile_index
from a13.database.fingerprint import Fingerprint, differences, read_fingerprint
from a13.database.revisions import (
    current_revision,
    downgrade,
    initialise,
    offline_script,
    read_history,
    remove_revision,
    rollback,
    upgrade,
    write_revision,
)
from a13.database.server import Server
from a13.domain.design import Design, Index, IndexKey
from a13.errors import ConfigError, DesignError


def fingerprint(server: Server, database: str) -> Fingerprint:
    with server.connect(database) as connection:
        return read_fingerprint(connection, version_table=True)


def step(sql: str, reverse: str = "", element: str = "relation:x") -> Statement:
    return Statement(sql=sql, reverse=reverse, element=element)


def concurrent_index(courts: Design, column: str) -> Statement:
    index = Index(keys=(IndexKey(column=column),), origin="tuning")
    return compile_index(courts.relation("bookings"), index, concurrently=True)


# -- files ---------------------------------------------------------------------------------------


def test_a_revision_reads_back_as_it_was_written(migrations: Path) -> None:
    awkward = "SELECT 'a:b %(x)s \\ \"\"\"'\n  , 'ä\t' -- \""
    written = write_revision(
        migrations, message='Say "hello" \\ \n and go', requirements=("FR-1", "N\n2"),
        evidence=("E-0007",), statements=[step(awkward, "SELECT 2"), step("SELECT 3", "SELECT 4")],
    )  # fmt: skip
    history = read_history(migrations)
    assert [revision.id for revision in history] == ["0001", "0002"]
    assert history[1] == written
    assert written.upgrade == (awkward, "SELECT 3")
    assert written.downgrade == ("SELECT 4", "SELECT 2")
    assert (written.down_revision, written.transactional) == ("0001", True)
    text = (migrations / "versions" / written.filename).read_text()
    assert "Serves: FR-1, N 2" in text and "Evidence: E-0007" in text
    assert "password" not in text


def test_the_header_says_that_roles_stay(migrations: Path) -> None:
    text = next((migrations / "versions").glob("0001*.py")).read_text()
    assert "leaves the\nroles themselves (courts_app, courts_report)" in text


def test_the_same_statements_give_the_same_file(tmp_path: Path) -> None:
    hashes = set()
    for name in ("one", "two"):
        initialise(tmp_path / name)
        hashes.add(
            write_revision(tmp_path / name, message="m", statements=[step("SELECT 1")]).sha256
        )
    assert len(hashes) == 1


def test_initialise_keeps_what_is_there(migrations: Path) -> None:
    (migrations / "env.py").write_text("# mine")
    initialise(migrations)
    assert (migrations / "env.py").read_text() == "# mine"


def test_only_the_newest_revision_can_be_removed(migrations: Path) -> None:
    write_revision(migrations, message="two", statements=[step("SELECT 1")])
    with pytest.raises(ConfigError, match="0002"):
        remove_revision(migrations, "0001")
    remove_revision(migrations, "0002")
    assert [revision.id for revision in read_history(migrations)] == ["0001"]


def test_a_history_that_forks_is_refused(migrations: Path) -> None:
    write_revision(migrations, message="two", statements=[step("SELECT 1")])
    path = next((migrations / "versions").glob("0002*.py"))
    text = path.read_text().replace("revision = '0002'", "revision = 'mine'", 1)
    (migrations / "versions" / "mine.py").write_text(text)
    with pytest.raises(ConfigError, match="both follow"):
        read_history(migrations)


def test_a_broken_file_is_refused_with_its_name(migrations: Path) -> None:
    (migrations / "versions" / "broken.py").write_text("revision = (")
    with pytest.raises(ConfigError, match=r"broken\.py"):
        read_history(migrations)


def test_a_step_outside_transactions_stands_alone(migrations: Path, courts: Design) -> None:
    with pytest.raises(DesignError, match="of its own"):
        write_revision(
            migrations, message="both",
            statements=[step("SELECT 1"), concurrent_index(courts, "note")],
        )  # fmt: skip
    with pytest.raises(DesignError, match="at least one"):
        write_revision(migrations, message="none", statements=[])


# -- running -------------------------------------------------------------------------------------


def test_up_and_down_and_nothing_on_disk(server: Server, database: str, migrations: Path) -> None:
    before = fingerprint(server, database)
    handlers = list(logging.getLogger().handlers)
    url = server.url(database)
    assert upgrade(url, migrations) is None
    assert current_revision(url) == "0001"
    assert upgrade(url, migrations) is None
    assert downgrade(url, migrations) is None
    assert current_revision(url) is None
    with server.connect(database) as connection:
        connection.execute("DROP TABLE alembic_version")
    assert differences(before, fingerprint(server, database)) == ()
    assert logging.getLogger().handlers == handlers
    assert url.password is not None
    written = [path for path in migrations.rglob("*") if path.is_file()]
    assert not any(url.password.encode() in path.read_bytes() for path in written)
    assert not any(path.suffix == ".pyc" for path in written)


def test_a_percent_sign_in_the_path(server: Server, database: str, tmp_path: Path) -> None:
    initialise(tmp_path / "100%d")
    write_revision(tmp_path / "100%d", message="m", statements=[step("SELECT 1")])
    assert upgrade(server.url(database), tmp_path / "100%d") is None


def test_the_plain_command_works(server: Server, database: str, migrations: Path) -> None:
    before = fingerprint(server, database)
    url = server.url(database).set(drivername="postgresql").render_as_string(hide_password=False)

    def alembic(*arguments: str) -> str:
        run = subprocess.run(
            [sys.executable, "-m", "alembic", "-c", str(migrations / "alembic.ini"), *arguments],
            env={**os.environ, "A13_MIGRATE_URL": url}, capture_output=True, text=True, check=True,
            cwd=migrations.parent,
        )  # fmt: skip
        return run.stdout

    alembic("upgrade", "head")
    up = fingerprint(server, database)
    assert len(up.objects) > len(before.objects)
    alembic("downgrade", "base")
    with server.connect(database) as connection:
        connection.execute("DROP TABLE alembic_version")
    assert differences(before, fingerprint(server, database)) == ()
    script = alembic("upgrade", "head", "--sql")
    server.run("psql", "-q", "-v", "ON_ERROR_STOP=1", database=database, stdin=script, check=True)
    assert differences(up, fingerprint(server, database)) == ()


def test_the_script_of_a_step_outside_transactions(
    server: Server, database: str, migrations: Path, courts: Design
) -> None:
    write_revision(migrations, message="i", statements=[concurrent_index(courts, "created_at")])
    script = offline_script(migrations)
    server.run("psql", "-q", "-v", "ON_ERROR_STOP=1", database=database, stdin=script, check=True)
    assert current_revision(server.url(database)) == "0002"


def test_a_revision_made_by_the_plain_command_belongs_to_the_history(migrations: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "alembic", "-c", str(migrations / "alembic.ini"), "revision",
         "-m", "by hand", "--rev-id", "0002"],
        capture_output=True, check=True,
    )  # fmt: skip
    assert [revision.message for revision in read_history(migrations)][-1] == "by hand"


def test_a_revision_written_again_at_once_is_read_anew(
    server: Server, database: str, migrations: Path
) -> None:
    for name in ("aaa", "bbb"):
        write_revision(
            migrations, message="x",
            statements=[step(f"CREATE TABLE {name} ()", f"DROP TABLE {name}")],
        )  # fmt: skip
        subprocess.run(
            [sys.executable, "-m", "alembic", "-c", str(migrations / "alembic.ini"), "history"],
            capture_output=True, check=True,
        )  # fmt: skip
        assert upgrade(server.url(database), migrations) is None
        with server.connect(database) as connection:
            row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (name,)).fetchone()
        assert row == (True,)
        assert downgrade(server.url(database), migrations, "0001") is None
        remove_revision(migrations, "0002")


# -- failures ------------------------------------------------------------------------------------


def test_a_revision_that_fails_half_way_leaves_nothing(
    server: Server, database: str, migrations: Path, courts: Design
) -> None:
    url = server.url(database)
    assert upgrade(url, migrations) is None
    before = fingerprint(server, database)
    write_revision(
        migrations, message="half",
        statements=[
            step("CREATE TABLE half (id int)", "DROP TABLE half", "relation:half"),
            step("ALTER TABLE bookings ADD CHECK (price > 5:5)", "", "constraint:b"),
        ],
    )  # fmt: skip
    failure = upgrade(url, migrations, design=courts)
    assert failure is not None
    assert (failure.kind, failure.sqlstate, failure.revision) == ("migration", "42601", "0002")
    assert failure.statement.startswith("ALTER TABLE bookings") and "5:5" in failure.statement
    assert failure.element == "constraint:b"
    assert differences(before, fingerprint(server, database)) == ()


def test_rows_that_break_a_new_rule_name_the_constraint(
    server: Server,
    database: str,
    migrations: Path,
    courts: Design,
    courts_rows: Callable[[psycopg.Connection], None],
) -> None:
    url = server.url(database)
    upgrade(url, migrations)
    with server.connect(database) as connection:
        courts_rows(connection)
    before = fingerprint(server, database)
    write_revision(
        migrations, message="rule",
        statements=[step("ALTER TABLE bookings ADD CONSTRAINT ck_p CHECK (price > 100)")],
    )  # fmt: skip
    failure = upgrade(url, migrations, design=courts)
    assert failure is not None
    assert (failure.sqlstate, failure.element) == ("23514", "constraint:bookings.ck_p")
    assert differences(before, fingerprint(server, database)) == ()


def test_a_failing_step_outside_transactions_is_cleaned(
    server: Server,
    database: str,
    migrations: Path,
    courts: Design,
    courts_rows: Callable[[psycopg.Connection], None],
) -> None:
    url = server.url(database)
    upgrade(url, migrations)
    with server.connect(database) as connection:
        courts_rows(connection)
        # Longer than a B-tree entry can be, and not compressible.
        connection.execute(
            "UPDATE bookings SET note = (SELECT string_agg(md5(g::text), '') "
            "FROM generate_series(1, 2000) g) WHERE id = 3"
        )
    before = fingerprint(server, database)
    statement = concurrent_index(courts, "note")
    write_revision(migrations, message="index of notes", statements=[statement])
    with server.connect(database) as connection:
        with pytest.raises(psycopg.errors.ProgramLimitExceeded):
            connection.execute(statement.sql.encode())
        left = connection.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone()
        assert left == (1,), "the fault leaves an INVALID index when nobody cleans"
    failure = upgrade(url, migrations, design=courts)
    assert failure is not None
    assert (failure.sqlstate, failure.revision) == ("54000", "0002")
    assert failure.element == "index:ix_bookings_note"
    assert failure.statement == statement.sql
    assert differences(before, fingerprint(server, database)) == ()


def test_an_invalid_index_that_cannot_be_dropped_yet_is_told_and_dropped_next_time(
    server: Server, database: str, migrations: Path, courts: Design
) -> None:
    url = server.url(database)
    upgrade(url, migrations)
    write_revision(
        migrations, message="index", lock_timeout_ms=100,
        statements=[concurrent_index(courts, "created_at")],
    )  # fmt: skip
    with server.connect(database, autocommit=False) as writer:
        # A writer that does not end: CREATE INDEX CONCURRENTLY waits for it in its second phase.
        writer.execute("UPDATE bookings SET price = 1")
        failure = upgrade(url, migrations, design=courts)
        assert failure is not None
        assert (failure.sqlstate, failure.revision) == ("55P03", "0002")
        assert "ix_bookings_created_at" in failure.detail
        assert current_revision(url) == "0001"
        writer.rollback()
    assert upgrade(url, migrations) is None
    with server.connect(database) as connection:
        row = connection.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_bookings_created_at'::regclass"
        ).fetchone()
    assert row == (True,)


def test_a_later_revision_fails_and_the_earlier_ones_are_rolled_back(
    server: Server,
    database: str,
    migrations: Path,
    courts: Design,
    courts_rows: Callable[[psycopg.Connection], None],
) -> None:
    url = server.url(database)
    upgrade(url, migrations)
    with server.connect(database) as connection:
        courts_rows(connection)
        before = read_fingerprint(connection)
    write_revision(
        migrations, message="more",
        statements=[step("ALTER TABLE courts ADD surface text", "ALTER TABLE courts DROP surface")],
    )  # fmt: skip
    write_revision(migrations, message="i", statements=[concurrent_index(courts, "created_at")])
    write_revision(
        migrations, message="bad", statements=[step("ALTER TABLE courts ADD ghost ghost")]
    )
    start = current_revision(url)
    failure = upgrade(url, migrations, design=courts)
    assert failure is not None and (failure.sqlstate, failure.revision) == ("42704", "0004")
    assert current_revision(url) == "0003"
    assert rollback(url, migrations, to=start, expected=before) is None
    assert current_revision(url) == "0001"
    with server.connect(database) as connection:
        assert differences(before, read_fingerprint(connection)) == ()
        assert connection.execute("SELECT count(*) FROM bookings").fetchone() == (30,)


def test_a_rollback_that_does_not_restore_says_what_differs(
    server: Server, database: str, migrations: Path
) -> None:
    url = server.url(database)
    upgrade(url, migrations)
    with server.connect(database) as connection:
        before = read_fingerprint(connection)
    write_revision(
        migrations, message="forgetful",
        statements=[
            step("CREATE TYPE old_status AS ENUM ('a')"),
            step("ALTER TABLE courts ADD s old_status", "ALTER TABLE courts DROP s"),
        ],
    )  # fmt: skip
    assert upgrade(url, migrations) is None
    failure = rollback(url, migrations, to="0001", expected=before)
    assert failure is not None
    assert failure.detail == "left over: enum public.old_status"


def test_a_downgrade_that_fails_leaves_everything(
    server: Server, database: str, migrations: Path
) -> None:
    url = server.url(database)
    write_revision(
        migrations, message="no way back",
        statements=[step("CREATE TABLE x (id int)", "DROP TABLE ghost")],
    )  # fmt: skip
    assert upgrade(url, migrations) is None
    before = fingerprint(server, database)
    failure = downgrade(url, migrations)
    assert failure is not None
    assert (failure.kind, failure.sqlstate, failure.revision) == ("downgrade", "42P01", "0002")
    assert failure.statement == "DROP TABLE ghost"
    assert differences(before, fingerprint(server, database)) == ()


def test_nobody_answers(server: Server, migrations: Path) -> None:
    url = server.url("ghost").set(password="s3cret-word")
    failure = upgrade(url, migrations)
    assert failure is not None and failure.kind == "connection"
    assert "s3cret-word" not in failure.model_dump_json()


def test_an_unknown_revision_is_a_failure_of_the_history(
    server: Server, database: str, migrations: Path
) -> None:
    failure = upgrade(server.url(database), migrations, "0099")
    assert failure is not None and failure.kind == "history"
    with server.connect(database) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num varchar(32))")
        connection.execute("INSERT INTO alembic_version VALUES ('gone')")
    failure = upgrade(server.url(database), migrations)
    assert failure is not None and failure.kind == "history" and "gone" in failure.message


def test_a_revision_edited_into_nonsense_is_a_failure(
    server: Server, database: str, migrations: Path
) -> None:
    path = next((migrations / "versions").glob("0001*.py"))
    path.write_text(path.read_text().replace("_run(UPGRADE)", "raise RuntimeError('by hand')"))
    failure = upgrade(server.url(database), migrations)
    assert failure is not None and failure.revision == "0001" and "by hand" in failure.message


def test_statements_run_in_the_schema_public(
    server: Server, database: str, migrations: Path
) -> None:
    with server.connect(database) as connection:
        connection.execute("CREATE SCHEMA postgres")
        connection.execute(f"ALTER DATABASE {database} SET search_path = postgres, public")
    assert upgrade(server.url(database), migrations) is None
    with server.connect(database) as connection:
        row = connection.execute("SELECT to_regclass('public.bookings') IS NOT NULL").fetchone()
    assert row == (True,) and current_revision(server.url(database)) == "0001"


def test_a_session_that_is_killed_in_the_middle_leaves_nothing(
    server: Server, database: str, migrations: Path
) -> None:
    url = server.url(database)
    upgrade(url, migrations)
    before = fingerprint(server, database)
    write_revision(
        migrations, message="killed",
        statements=[
            step("CREATE TABLE half (id int)", "DROP TABLE half"),
            step("SELECT pg_terminate_backend(pg_backend_pid())"),
        ],
    )  # fmt: skip
    failure = upgrade(url, migrations)
    assert failure is not None
    assert (failure.sqlstate, failure.revision) == ("57P01", "0002")
    assert differences(before, fingerprint(server, database)) == ()


def test_several_runs_in_one_process(server: Server, database: str, migrations: Path) -> None:
    others = [f"{database}_{n}" for n in range(3)]
    for name in others:
        server.create_database(name)
    try:
        with ThreadPoolExecutor(3) as pool:
            done = list(pool.map(lambda name: upgrade(server.url(name), migrations), others))
        assert done == [None, None, None]
        assert [current_revision(server.url(name)) for name in others] == ["0001"] * 3
    finally:
        for name in others:
            server.drop_database(name)
