"""Backup, archive and recovery on a durable server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from a13.config import Settings
from a13.database import backup
from a13.database.binaries import find_binaries
from a13.database.digests import digests
from a13.database.directories import make_directory, work_directory
from a13.database.processes import server_account
from a13.database.server import Server
from a13.errors import ServerError


class Scene:
    """A server with three batches of rows: before the backup, after it, and an accident."""

    def __init__(self, work: Path, settings: Settings) -> None:
        self.settings = settings
        self.binaries = find_binaries(settings)
        # A space and a percent sign: both mean something in archive_command.
        self.archive = work / "the archive 100%"
        make_directory(self.archive, server_account(settings))
        self.backup = work / "base backup"
        self.work = work
        parameters = backup.archive_parameters(settings, self.binaries, self.archive)
        with Server(profile="durable", settings=settings, parameters=parameters) as server:
            with server.connect() as connection:
                connection.execute("create table note (id int primary key, text text not null)")
                connection.execute(
                    "insert into note select g, 'first' from generate_series(1, 500) g"
                )
                self.taken, self.runs = backup.base_backup(server, self.backup)
                connection.execute("insert into note values (501, 'second')")
                connection.execute("select pg_create_restore_point('before_accident')")
                self.lsn = connection.execute("select pg_current_wal_lsn()::text").fetchone()[0]
                self.time = connection.execute("select clock_timestamp()::text").fetchone()[0]
                self.expected = digests(connection)
                time.sleep(0.01)  # the accident commits at a later microsecond
                connection.execute("delete from note")
                self.accident = digests(connection)
                self.archived = backup.wait_until_archived(connection)
            server.stop("immediate")

    def recover(self, name: str, target: backup.Target) -> Server:
        directory = self.work / name
        backup.copy_backup(self.settings, self.backup, directory)
        return backup.recovery_server(self.settings, self.binaries, directory, self.archive, target)


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    settings = Settings()
    with work_directory(settings) as work:
        yield Scene(work, settings)


def test_the_base_backup_is_verified(scene: Scene) -> None:
    assert scene.taken is not None
    assert scene.taken.size_bytes > 1_000_000
    assert [Path(run.command[0]).name for run in scene.runs] == ["pg_basebackup", "pg_verifybackup"]
    assert "successfully verified" in scene.runs[1].stdout


def test_the_archive_holds_the_segment(scene: Scene) -> None:
    assert scene.archived.passed
    assert (scene.archive / scene.archived.segment).stat().st_size == 16 * 1024 * 1024


@pytest.mark.parametrize("kind", ["name", "time", "lsn"])
def test_recovery_to_a_point_brings_back_exactly_that_moment(scene: Scene, kind: str) -> None:
    value = {"name": "before_accident", "time": scene.time, "lsn": scene.lsn}[kind]
    with (
        scene.recover(kind, backup.Target(kind=kind, value=value)) as server,  # type: ignore[arg-type]
        server.connect() as connection,
    ):
        assert digests(connection) == scene.expected
        connection.execute("insert into note values (502, 'open for writing')")


def test_recovery_to_the_end_repeats_the_accident(scene: Scene) -> None:
    with scene.recover("end", backup.Target()) as server, server.connect() as connection:
        assert digests(connection) == scene.accident


@pytest.mark.parametrize(
    "target",
    [
        backup.Target(kind="name", value="never_made"),
        backup.Target(kind="lsn", value="FFF/0"),
        backup.Target(kind="time", value="2999-01-01 00:00:00+00"),
    ],
    ids=lambda target: target.kind,
)
def test_a_target_past_the_end_is_refused(scene: Scene, target: backup.Target) -> None:
    with pytest.raises(ServerError, match="before configured recovery target was reached"):
        scene.recover(f"past-{target.kind}", target).start()


def test_a_missing_segment_is_refused_though_the_backup_verifies(scene: Scene) -> None:
    segment = scene.archive / scene.archived.segment
    aside = segment.rename(scene.work / "aside")
    try:
        server = scene.recover("gap", backup.Target(kind="name", value="before_accident"))
        with pytest.raises(ServerError, match="before configured recovery target was reached"):
            server.start()
    finally:
        aside.rename(segment)


def test_a_damaged_backup_is_not_a_backup(scene: Scene) -> None:
    copy = scene.work / "damaged"
    backup.copy_backup(scene.settings, scene.backup, copy)
    with (copy / "PG_VERSION").open("a") as file:
        file.write("x")
    run = backup.verify_backup(scene.settings, scene.binaries, copy)
    assert not backup.is_verified(run)
    assert "PG_VERSION" in run.stderr


def test_an_archive_that_fails_is_told(scene: Scene) -> None:
    nowhere = scene.work / "nowhere"
    parameters = backup.archive_parameters(scene.settings, scene.binaries, nowhere)
    with (
        Server(profile="durable", settings=scene.settings, parameters=parameters) as server,
        server.connect() as connection,
    ):
        archived = backup.wait_until_archived(connection, timeout_seconds=0.5)
    assert not archived.passed
    assert "not archived after" in archived.detail


def test_archiving_by_command_when_the_library_is_missing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "_has_library", lambda *_: False)
    directory = scene.work / "it's 100% by command"
    make_directory(directory, server_account(scene.settings))
    parameters = backup.archive_parameters(scene.settings, scene.binaries, directory)
    assert "archive_library" not in parameters
    with (
        Server(profile="durable", settings=scene.settings, parameters=parameters) as server,
        server.connect() as connection,
    ):
        archived = backup.wait_until_archived(connection)
    assert archived.passed, archived.detail
    assert (directory / archived.segment).exists()
    assert not list(directory.glob("*.part"))


def test_dump_and_restore_give_the_same_rows(scene: Scene) -> None:
    point = backup.Target(kind="name", value="before_accident")
    with scene.recover("dump", point) as server:
        clean, runs = backup.dump_and_restore(server, "postgres", "again", server.directory / "d d")
        assert clean, runs
        with server.connect("again") as connection:
            assert digests(connection) == scene.expected


def test_a_dump_that_fails_is_told(scene: Scene) -> None:
    with Server(settings=scene.settings) as server:
        clean, runs = backup.dump_and_restore(
            server, "no_such_database", "again", server.directory / "dump"
        )
    assert not clean
    assert len(runs) == 1
    assert "does not exist" in runs[0].stderr
