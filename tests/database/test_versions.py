"""The private server on every PostgreSQL that is at hand.

That is the wheel's, those under /usr/lib/postgresql, and the folders that the variable
A13_TEST_PG_BINS names (separated as in PATH). A version that is not at hand is skipped by name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from a13.config import Settings
from a13.database.binaries import Binaries, find_binaries
from a13.database.server import Server, work_directory
from a13.errors import BinariesError

WANTED = (15, 16, 17, 18)


@cache
def at_hand() -> dict[int, Binaries]:
    named = [entry for entry in os.environ.get("A13_TEST_PG_BINS", "").split(os.pathsep) if entry]
    folders = [None, *map(Path, named), *sorted(Path("/usr/lib/postgresql").glob("*/bin"))]
    found: dict[int, Binaries] = {}
    for folder in folders:
        try:
            binaries = find_binaries(Settings(pg_bin=folder))
        except BinariesError:
            continue
        found.setdefault(binaries.major, binaries)
    return found


@pytest.fixture(params=WANTED)
def binaries(request: pytest.FixtureRequest) -> Iterator[Binaries]:
    major = request.param
    if major not in at_hand():
        pytest.skip(f"PostgreSQL {major} is not at hand (name its folder in A13_TEST_PG_BINS)")
    yield at_hand()[major]


def test_at_least_one_version_is_at_hand() -> None:
    assert at_hand()


def test_scratch(binaries: Binaries) -> None:
    with Server(binaries=binaries) as server:
        assert server.version == binaries.version
        server.create_database("one")
        with server.connect("one") as connection:
            connection.execute("CREATE TABLE t (id int PRIMARY KEY, word text)")
            connection.execute("INSERT INTO t VALUES (1, 'größer')")
            facts = connection.execute(
                "SELECT current_setting('server_version_num')::int / 10000, word,"
                " current_setting('data_checksums'), current_setting('fsync') FROM t"
            ).fetchone()
        assert facts == (binaries.major, "größer", "on", "off")
        server.create_database("two", template="one")
        dumped = server.run("pg_dump", "-Fc", "-f", "two.dump", database="two", check=True)
        assert dumped.exit_code == 0
        server.create_database("three")
        server.run("pg_restore", "-d", "three", "two.dump", database="three", check=True)
        with server.connect("three") as connection:
            assert connection.execute("SELECT word FROM t").fetchone() == ("größer",)


def test_durable(binaries: Binaries) -> None:
    with (
        work_directory(Settings()) as folder,
        Server(profile="durable", binaries=binaries) as server,
    ):
        with server.connect() as connection:
            connection.execute("CREATE TABLE t AS SELECT generate_series(1, 100) AS n")
        backup = folder / "backup"
        server.run("pg_basebackup", "-D", backup, "-c", "fast", check=True, timeout=120)
        server.run("pg_verifybackup", backup, check=True, timeout=120)
        with (
            Server(profile="durable", binaries=binaries, data_directory=backup) as second,
            second.connect() as connection,
        ):
            assert connection.execute("SELECT count(*) FROM t").fetchone() == (100,)
