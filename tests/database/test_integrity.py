"""Integrity checks against real corruption: what each kind of damage is seen by."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from a13.config import Settings
from a13.database.backup import BaseBackup, base_backup
from a13.database.damage import FileOwner, file_owners, find_damage, root_cause
from a13.database.digests import digests
from a13.database.directories import work_directory
from a13.database.file_checks import check_files
from a13.database.integrity import check_integrity
from a13.database.server import Server
from a13.database.validation import primary_keys, rules_for, run_rule
from a13.domain.measurement import IntegrityCheck, TableDigest

DATABASE = "d"
SCHEMA = """
create table parent (id bigint primary key, name text not null unique, big text);
alter table parent alter big set storage external;
create table child (id bigint generated always as identity primary key,
  parent_id bigint not null references parent, amount numeric(10,2) check (amount >= 0));
insert into parent select g, 'n' || g, repeat('x', case when g % 100 = 0 then 9000 else 1 end)
  from generate_series(1, 1000) g;
insert into child (parent_id, amount) select 1 + g % 1000, g from generate_series(1, 6000) g;
"""


class Scene(NamedTuple):
    """A stopped cluster with its backup, and where the files are."""

    settings: Settings
    work: Path
    pristine: Path
    backup: BaseBackup
    files: dict[str, str]
    owners: dict[str, FileOwner]
    baseline: tuple[TableDigest, ...]
    keys: dict[str, tuple[str, ...]]


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    settings = Settings()
    with work_directory(settings) as work:
        pristine = work / "pristine"
        with Server(
            profile="durable",
            settings=settings,
            data_directory=pristine,
            parameters={"archive_mode": "off"},
        ) as server:
            server.create_database(DATABASE)
            with server.connect(DATABASE) as connection:
                connection.execute(SCHEMA)
                connection.execute("vacuum (freeze, analyze)")
                connection.execute("checkpoint")
                baseline = digests(connection)
                owners = file_owners(connection)
                keys = primary_keys(connection)
            taken, _ = base_backup(server, work / "backup")
        assert taken is not None
        files = {owner.relation: path for path, owner in owners.items()}
        toast = next(
            path for path, owner in owners.items() if owner.table == "parent" and owner.kind == "t"
        )
        yield Scene(
            settings, work, pristine, taken, {**files, "toast": toast}, owners, baseline, keys
        )


class Copy:
    """A copy of the cluster to damage; `run` checks it."""

    def __init__(self, scene: Scene, data: Path) -> None:
        self.scene = scene
        self.data = data
        shutil.copytree(scene.pristine, data, symlinks=True)
        for path in (data, *data.rglob("*")):
            found = scene.pristine.stat()
            os.chown(path, found.st_uid, found.st_gid)

    def path(self, relation: str) -> Path:
        return self.data / self.scene.files[relation]

    def check(self) -> tuple[IntegrityCheck, ...]:
        with Server(
            profile="durable",
            settings=self.scene.settings,
            data_directory=self.data,
            parameters={"archive_mode": "off"},
        ) as server:
            return check_integrity(server, DATABASE, baseline=self.scene.baseline)


@pytest.fixture
def copy(scene: Scene) -> Iterator[Copy]:
    data = scene.work / "copy"
    yield Copy(scene, data)
    shutil.rmtree(data)


def zero(path: Path, block: int) -> None:
    with path.open("r+b") as file:
        file.seek(block * 8192)
        file.write(bytes(8192))


def flip(path: Path, block: int) -> None:
    with path.open("r+b") as file:
        file.seek(block * 8192 + 5000)
        byte = file.read(1)[0]
        file.seek(block * 8192 + 5000)
        file.write(bytes([byte ^ 0x40]))


def test_a_whole_cluster_passes_every_check(copy: Copy) -> None:
    checks = copy.check()
    assert [check for check in checks if not check.passed] == []
    assert {check.check for check in checks} == {
        "files", "count by index and by table", "every row can be read",
        "contents equal the baseline", "foreign key holds", "check holds", "indexes are valid",
        "amcheck", "page checksums",
    }  # fmt: skip
    amcheck = next(check for check in checks if check.check == "amcheck")
    assert int(amcheck.detail.split()[0]) > 100
    counts = {c.target: c.detail for c in checks if c.check == "count by index and by table"}
    assert counts["child"] == "6000 by child_pkey, 6000 by the table"


class Case(NamedTuple):
    """Damage, and the checks that must see it (others may)."""

    name: str
    damage: Callable[[Copy], None]
    seen_by: set[str]
    kind: str
    rule: str


CASES = [
    Case(
        "zeroed heap page",
        lambda copy: zero(copy.path("child"), 3),
        {"count by index and by table", "contents equal the baseline"},
        "zeroed page",
        "count_by_key_of_child",
    ),
    Case(
        "flipped bit in the heap",
        lambda copy: flip(copy.path("child"), 3),
        {"every row can be read", "amcheck", "page checksums", "contents equal the baseline"},
        "changed page",
        "pages_of_child",
    ),
    Case(
        "zeroed index page",
        lambda copy: zero(copy.path("child_pkey"), 3),
        {"amcheck", "count by index and by table"},
        "zeroed page",
        "index_child_pkey",
    ),
    Case(
        "flipped bit in an index",
        lambda copy: flip(copy.path("parent_name_key"), 2),
        {"amcheck", "page checksums"},
        "changed page",
        "index_parent_name_key",
    ),
    Case(
        "truncated heap",
        lambda copy: os.truncate(copy.path("child"), 20 * 8192),
        {"files", "count by index and by table", "contents equal the baseline"},
        "truncated file",
        "size_of_child",
    ),
    Case(
        "heap cut inside a page",
        lambda copy: os.truncate(copy.path("child"), 20 * 8192 + 100),
        {"files"},
        "truncated file",
        "size_of_child",
    ),
    Case(
        "deleted heap",
        lambda copy: copy.path("child").unlink(),
        {"files", "every row can be read", "amcheck"},
        "missing file",
        "size_of_child",
    ),
    Case(
        "deleted index",
        lambda copy: copy.path("child_pkey").unlink(),
        {"files", "amcheck"},
        "missing file",
        "index_child_pkey",
    ),
    Case(
        "zeroed page of long values",
        lambda copy: zero(copy.path("toast"), 1),
        {"every row can be read", "amcheck", "contents equal the baseline"},
        "zeroed page",
        "pages_of_parent",
    ),
    Case(
        "zeroed page of a system catalog",
        lambda copy: zero(copy.path("pg_catalog.pg_class"), 1),
        {"connection"},
        "zeroed page",
        "count_by_key_of_pg_catalog.pg_class",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_damage_is_seen_located_and_watched_from_then_on(copy: Copy, case: Case) -> None:
    case.damage(copy)
    failed = {check.check for check in copy.check() if not check.passed}
    assert case.seen_by <= failed

    scene = copy.scene
    damage = find_damage(
        copy.data,
        Path(scene.backup.directory),
        scene.owners,
        backup_end_lsn=scene.backup.end_lsn,
    )
    assert damage[0].kind == case.kind
    assert damage[0].file in scene.files.values()
    assert damage[0].file in root_cause(damage)

    rules = rules_for(damage, scene.keys)
    assert [rule.name for rule in rules] == [case.rule]
    with (
        Server(
            profile="durable",
            settings=scene.settings,
            data_directory=scene.pristine,
            parameters={"archive_mode": "off"},
        ) as server,
        server.connect(DATABASE) as connection,
    ):
        run = run_rule(connection, rules[0], where="undamaged")
        assert run.passed, run.detail
        extensions = connection.execute("select extname from pg_extension").fetchall()
        assert extensions == [("plpgsql",)]
    if "connection" in case.seen_by:
        return  # no rule can run where nobody can connect
    with (
        Server(
            profile="durable",
            settings=scene.settings,
            data_directory=copy.data,
            parameters={"archive_mode": "off"},
        ) as server,
        server.connect(DATABASE) as connection,
    ):
        run = run_rule(connection, rules[0], where="damaged")
        assert not run.passed, "the new rule would not have found the damage"


def test_ordinary_changes_are_not_damage(copy: Copy) -> None:
    with (
        Server(
            profile="durable",
            settings=copy.scene.settings,
            data_directory=copy.data,
            parameters={"archive_mode": "off"},
        ) as server,
        server.connect(DATABASE) as connection,
    ):
        connection.execute("update child set amount = amount + 1 where id % 7 = 0")
        connection.execute("delete from child where id % 5 = 0")
        connection.execute("vacuum full parent")
        connection.execute("create table fresh as select 1 as x")
    damage = find_damage(
        copy.data,
        Path(copy.scene.backup.directory),
        {path: owner for path, owner in copy.scene.owners.items() if owner.table == "child"},
        backup_end_lsn=copy.scene.backup.end_lsn,
    )
    assert damage == ()
    assert root_cause(damage).startswith("Unknown")


def test_amcheck_leaves_no_extension(server: Server, database: str) -> None:
    check_integrity(server, database)
    with server.connect(database) as connection:
        assert connection.execute("select extname from pg_extension").fetchall() == [("plpgsql",)]
        connection.execute("create extension amcheck")
    check_integrity(server, database)
    with server.connect(database) as connection:
        found = connection.execute("select extname from pg_extension order by 1").fetchall()
    assert found == [("amcheck",), ("plpgsql",)]


def test_broken_keys_are_seen(server: Server, database: str) -> None:
    with server.connect(database) as connection:
        connection.execute(
            "create table p (id int primary key); create table c (id int primary key,"
            " p int constraint fk_c_p references p, v int constraint ck_v check (v > 0));"
            "insert into p values (1); set session_replication_role = replica;"
            "insert into c values (1, 1, 1), (2, 7, 1), (3, null, null)"
        )
    checks = {c.target: c for c in check_integrity(server, database) if c.check.endswith("holds")}
    assert not checks["c.fk_c_p"].passed
    assert checks["c.fk_c_p"].detail == "1 rows without a parent"
    assert checks["c.ck_v"].passed


def test_an_invalid_index_is_seen(server: Server, database: str) -> None:
    with server.connect(database) as connection:
        connection.execute("create table t (v int); insert into t values (1), (1)")
        with pytest.raises(Exception, match="could not create unique index"):
            connection.execute("create unique index concurrently ix_t on t (v)")
    failed = [check for check in check_integrity(server, database) if not check.passed]
    assert [(check.check, check.detail) for check in failed] == [("indexes are valid", "ix_t")]


def test_other_contents_than_the_baseline_are_seen(server: Server, database: str) -> None:
    with server.connect(database) as connection:
        connection.execute("create table t (v int); insert into t values (1), (2)")
        baseline = digests(connection)
        connection.execute("update t set v = 3 where v = 2")
    failed = [c for c in check_integrity(server, database, baseline=baseline) if not c.passed]
    assert [check.detail for check in failed] == ["t: 2 rows, other contents"]


def test_a_database_that_is_not_there(server: Server) -> None:
    (check,) = check_integrity(server, "no_such_database")
    assert not check.passed
    assert "does not exist" in check.detail


def test_a_table_without_primary_key_and_a_partitioned_one(server: Server, database: str) -> None:
    with server.connect(database) as connection:
        connection.execute(
            "create table bare (v int); insert into bare values (1);"
            "create table event (id int, at date, primary key (id, at)) partition by range (at);"
            "create table event_1 partition of event default;"
            "insert into event values (1, '2024-01-01')"
        )
    checks = check_integrity(server, database)
    assert all(check.passed for check in checks)
    counted = [c.target for c in checks if c.check == "count by index and by table"]
    assert counted == ["event_1"]


def test_a_lost_segment_is_seen_by_its_successor(server: Server, database: str) -> None:
    """A segment of a later number without a whole one before it; 1 GiB files are not needed."""
    with server.connect(database) as connection:
        connection.execute("create table t (v int); insert into t values (1)")
        connection.execute("checkpoint")
        (path,) = connection.execute("select pg_relation_filepath('t')").fetchone() or ("",)
        later = server.data_directory / f"{path}.1"
        later.write_bytes(bytes(8192))
        try:
            (check,) = list(check_files(connection))
        finally:
            later.unlink()
    assert not check.passed
    assert "segment 1 is there, but segment 0 is not whole" in check.detail
