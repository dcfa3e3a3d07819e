"""A user's database with settings and tables of its own: still exact, still honest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from a13.database.compile import compile_design
from a13.database.connections import connect
from a13.database.fingerprint import read_fingerprint
from a13.database.history import initialise, write_revision
from a13.database.server import Server
from a13.database.target import apply_plan, plan_apply
from a13.domain.apply import ApplyPlan
from a13.domain.design import Column, Design, Relation
from a13.errors import ConfigError

DESIGN = Design(
    name="d",
    relations=(
        Relation(
            name="t",
            columns=(
                Column(name="id", type="bigint", identity=True),
                Column(name="v", type="text", values=("a\\", "b'x")),
            ),
            primary_key=("id",),
        ),
    ),
)


@pytest.fixture
def target(server: Server) -> Iterator[URL]:
    server.create_database("theirs")
    yield server.url("theirs")
    server.drop_database("theirs")


def run(target: URL, statement: str) -> None:
    with connect(target) as connection:
        connection.execute(statement.encode())


def planned(server: Server, target: URL, directory: Path) -> ApplyPlan:
    initialise(directory)
    write_revision(directory, message="one", statements=compile_design(DESIGN))
    return plan_apply(
        target, directory, server=server, design=DESIGN, load_rows=lambda connection: None
    )


def test_backslashes_mean_themselves_whatever_the_database_says(
    server: Server, target: URL, tmp_path: Path
) -> None:
    run(target, "ALTER DATABASE theirs SET standard_conforming_strings = off")
    plan = planned(server, target, tmp_path / "m")
    done = apply_plan(target, tmp_path / "m", plan, approved_sha256=plan.sha256)
    assert done.passed, done.failure


def test_a_database_that_refuses_every_change_is_as_before(
    server: Server, target: URL, tmp_path: Path
) -> None:
    run(target, "ALTER DATABASE theirs SET default_transaction_read_only = on")
    plan = planned(server, target, tmp_path / "m")
    with connect(target) as connection:
        before = read_fingerprint(connection, version_table=True).sha256
    done = apply_plan(target, tmp_path / "m", plan, approved_sha256=plan.sha256)
    assert not done.passed
    assert done.failure is not None and done.failure.sqlstate == "25006"
    assert done.rolled_back and done.left == ()
    with connect(target) as connection:
        assert read_fingerprint(connection, version_table=True).sha256 == before


def test_a_revision_of_the_same_number_that_is_another_is_told(
    server: Server, target: URL, tmp_path: Path
) -> None:
    run(target, "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    run(target, "INSERT INTO alembic_version VALUES ('0001')")
    with pytest.raises(ConfigError, match="nothing to apply") as caught:
        planned(server, target, tmp_path / "m")
    assert "counts other revisions" in caught.value.hint
