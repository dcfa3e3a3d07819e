"""Backup and recovery: base backup, archived WAL, recovery to a point, dump and restore.

A base backup and the WAL that was archived after it bring a whole server back to any moment
since (PostgreSQL 18 manual, 25.3). A dump brings one database back, on any version.
"""

from __future__ import annotations

import json
import shlex
import shutil
import time
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg.rows import tuple_row

from ..config import Settings
from ..domain.base import Value
from .binaries import Binaries
from .processes import ProgramRun, run_program, server_account
from .server import Server

_POLL_SECONDS = 0.02


class Target(Value):
    """How far a recovery goes: to the end of the archive, a restore point, a time or an LSN.

    `value` is the restore point's name, a timestamp with time zone, or an LSN.
    """

    kind: Literal["end", "name", "time", "lsn"] = "end"
    value: str = ""


class BaseBackup(Value):
    """A base backup that was taken and verified against its manifest."""

    directory: str
    size_bytes: int
    start_lsn: str
    end_lsn: str


class Archived(Value):
    """The wait for the archive: the WAL segment waited for, and whether it arrived."""

    segment: str
    seconds: float
    passed: bool
    detail: str = ""


def archive_parameters(
    settings: Settings, binaries: Binaries, directory: Path, *, timeout_seconds: int = 60
) -> dict[str, str]:
    """Server parameters that archive WAL into a directory (which must exist).

    By the library basic_archive, which needs no shell and never overwrites, else by a command
    that copies under another name first. A segment is closed after `timeout_seconds` at the
    latest, which bounds what a loss of the server costs.
    """
    parameters = {"archive_mode": "on", "archive_timeout": f"{timeout_seconds}s"}
    if _has_library(settings, binaries, "basic_archive"):
        parameters["archive_library"] = "basic_archive"
        parameters["basic_archive.archive_directory"] = str(directory)
    else:
        final = f"{_in_command(directory)}/%f"
        parameters["archive_command"] = (
            f'test ! -f {final} && cp "%p" {final}.part && mv {final}.part {final}'
        )
    return parameters


def recovery_parameters(archive: Path, target: Target) -> dict[str, str]:
    """Server parameters of a recovery that ends at the target and opens the server for writing."""
    parameters = {
        "restore_command": f'cp {_in_command(archive)}/%f "%p"',
        "archive_mode": "off",
        "recovery_target_action": "promote",
        # Nobody reads before the target is reached, so "ready" means that it was.
        "hot_standby": "off",
    }
    if target.kind != "end":
        parameters[f"recovery_target_{target.kind}"] = target.value
    return parameters


def base_backup(server: Server, directory: Path) -> tuple[BaseBackup | None, list[ProgramRun]]:
    """A base backup in a directory that does not exist yet, verified against its manifest.

    None where a program failed or the verification did not say that all is well; the runs tell.
    """
    taken = server.run(
        "pg_basebackup",
        f"--pgdata={directory}",
        "--format=plain",
        "--wal-method=stream",
        "--checkpoint=fast",
        "--manifest-checksums=SHA256",
    )
    if not taken.ok:
        return None, [taken]
    verified = verify_backup(server.settings, server.binaries, directory)
    runs = [taken, verified]
    if not is_verified(verified):
        return None, runs
    manifest = json.loads((directory / "backup_manifest").read_text())
    # The last range is on the timeline that the server was on.
    wal = manifest["WAL-Ranges"][-1]
    backup = BaseBackup(
        directory=str(directory),
        size_bytes=sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()),
        start_lsn=wal["Start-LSN"],
        end_lsn=wal["End-LSN"],
    )
    return backup, runs


def verify_backup(settings: Settings, binaries: Binaries, directory: Path) -> ProgramRun:
    """Compare every file of a base backup with its manifest. Ask `is_verified` of the run."""
    command = [binaries.program("pg_verifybackup"), str(directory)]
    return run_program(server_account(settings), command)


def is_verified(run: ProgramRun) -> bool:
    """True where pg_verifybackup said that all is well; its exit code alone is not enough."""
    return run.ok and "successfully verified" in run.stdout


def wait_until_archived(
    connection: psycopg.Connection[Any], *, timeout_seconds: float = 60.0
) -> Archived:
    """Close the current WAL segment and wait until the archive has it.

    Everything committed before the call is then in the archive. The connection must be in
    autocommit mode: the fence, the switch and the wait are transactions of their own, because a
    recovery to a time needs a commit after that time, and a switch inside the transaction would
    leave that commit in the next segment.
    """
    began = time.monotonic()
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("select pg_logical_emit_message(true, 'a13', 'fence')")
        found = cursor.execute("select pg_walfile_name(pg_current_wal_lsn())").fetchone()
        assert found is not None
        segment = str(found[0])
        cursor.execute("select pg_switch_wal()")
        while True:
            found = cursor.execute(
                "select last_failed_wal,"
                " last_failed_time > coalesce(last_archived_time, '-infinity'),"
                # A segment's name has 24 digits and grows with the WAL; a backup's label is longer.
                " (length(last_archived_wal) = 24 and last_archived_wal >= %(segment)s) or exists"
                " (select from pg_ls_archive_statusdir() where name = %(segment)s || '.done')"
                " from pg_stat_archiver",
                {"segment": segment},
            ).fetchone()
            assert found is not None
            failed, failing, archived = found
            seconds = time.monotonic() - began
            if archived:
                return Archived(segment=segment, seconds=seconds, passed=True)
            if seconds > timeout_seconds:
                detail = f"not archived after {timeout_seconds:.0f} s"
                if failing:
                    detail += f"; archiving {failed} fails"
                return Archived(segment=segment, seconds=seconds, passed=False, detail=detail)
            time.sleep(_POLL_SECONDS)


def copy_backup(settings: Settings, backup: Path, directory: Path) -> ProgramRun:
    """Copy a base backup to a directory that does not exist yet, as the server's user."""
    # cp clones blocks where the file system can.
    command = [shutil.which("cp") or "/bin/cp", "-R", "-p", str(backup), str(directory)]
    return run_program(server_account(settings), command, check=True)


def recovery_server(
    settings: Settings,
    binaries: Binaries,
    directory: Path,
    archive: Path,
    target: Target,
    *,
    sync: bool = True,
) -> Server:
    """A server, not started, that recovers a copied base backup from the archive.

    `start` returns when the target is reached and the server is open for writing. It raises
    ServerError where the target is not reached: PostgreSQL then ends with a FATAL error. Without
    `sync` the copy is only looked at: nothing is forced to disk.
    """
    signal = directory / "recovery.signal"
    signal.touch(mode=0o600)
    server_account(settings).give(signal)
    return Server(
        profile="durable",
        settings=settings,
        binaries=binaries,
        data_directory=directory,
        parameters={
            **recovery_parameters(archive, target),
            **({} if sync else {"fsync": "off"}),
        },
    )


def dump_and_restore(
    server: Server, source: str, target: str, directory: Path
) -> tuple[bool, list[ProgramRun]]:
    """Dump a database into a directory and restore it into a new one on the same server.

    True where both programs succeeded without an error line. Compare digests all the same: a
    dump by a role that row-level security applies to may be empty without an error.
    """
    dumped = server.run("pg_dump", "--format=directory", f"--file={directory}", database=source)
    if not dumped.ok:
        return False, [dumped]
    server.create_database(target)
    restored = server.run(
        "pg_restore", "--exit-on-error", f"--dbname={target}", directory, database=target
    )
    clean = restored.ok and "error" not in (dumped.stderr + restored.stderr).lower()
    return clean, [dumped, restored]


def _in_command(directory: Path) -> str:
    """A path inside archive_command or restore_command: quoted for the shell, `%` doubled."""
    return shlex.quote(str(directory).replace("%", "%%"))


def _has_library(settings: Settings, binaries: Binaries, name: str) -> bool:
    found = run_program(server_account(settings), [binaries.program("pg_config"), "--pkglibdir"])
    folder = Path(found.stdout.strip() or "/nonexistent")
    return any((folder / f"{name}{suffix}").exists() for suffix in (".so", ".dylib", ".dll"))
