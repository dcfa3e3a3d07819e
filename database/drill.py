"""The recovery drill: back up, check, work, lose the server, recover, compare, dump and restore.

The drill runs on a durable server of its own with the design's schema and generated rows.

1. Schema and rows; VACUUM FREEZE and a checkpoint, so that every page is on disk as it will be
   compared. Digests are the baseline.
2. Base backup, verified. The server is stopped (the data directory that the report names can be
   looked at then) and started again: its buffers would hide what happened to the files. Then all
   integrity checks run against the baseline. Where one fails the drill ends as `corrupt`, and
   `restore` takes over from the directory it leaves.
3. Work and a restore point, digests; then an accident (a TRUNCATE). Small commits follow until
   the server is stopped as by a loss of power and its directory is deleted.
4. Recovery from the backup and the archive to the restore point: equal digests; the time since
   the loss is the measured RTO. Recovery to the end of the archive: the age of the oldest commit
   that is missing is the measured RPO. A recovery to a point that was never made must fail.
5. Integrity checks on the recovered server, and a dump restored into a new database.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..config import Settings
from ..domain.damage import Damage, RuleRun, ValidationRule
from ..domain.design import Design
from ..domain.findings import Failure
from ..domain.measurement import DrillReport, IntegrityCheck, TableDigest
from ..domain.progress import Report, silent
from ..errors import ServerError
from . import backup as recovery
from .backup import BaseBackup, Target
from .binaries import find_binaries
from .damage import FileOwner, file_owners, find_damage, root_cause
from .digests import differences, digests
from .directories import make_directory, private_directory, remove_tree
from .drill_work import change_rows, truncate_largest
from .generate import small_rows
from .integrity import check_integrity
from .kept import DATABASE, keep, sweep_kept
from .processes import server_account
from .revisions import upgrade
from .rules import run_rule
from .server import Server
from .steplog import StepFailedError, StepLog

RESTORE_POINT = "a13_before_the_accident"
ARCHIVE_TIMEOUT_SECONDS = 1
_COMMIT_PAUSE_SECONDS = 0.02
_LOSS_AFTER_TIMEOUTS = 2.5


def drill(
    settings: Settings,
    migrations: Path,
    design: Design,
    *,
    rows: int,
    seed: int,
    rules: tuple[ValidationRule, ...] = (),
    report: Report = silent,
) -> DrillReport:
    """Drill backup and recovery of a design with about `rows` rows a relation.

    `rules` are checks that earlier corruptions left; they run with the integrity checks. A step
    that fails ends the drill: the report says which, and has not passed. Everything the drill
    made is removed, except that a corrupt drill leaves backup and archive in
    `DrillReport.directory` (swept after a week).
    """
    sweep_kept(settings)
    work = private_directory(settings)
    run = _Drill(settings, work.path, design, rules, report)
    try:
        run.build(migrations, rows=rows, seed=seed)
        if run.check():
            run.lose()
            run.recover()
    except StepFailedError as error:
        run.failure = error.failure
    finally:
        run.primary.stop("immediate")
        work.release()
    return run.outcome()


class _Drill:
    """The state of one drill. The methods run once each, in order."""

    def __init__(
        self,
        settings: Settings,
        work: Path,
        design: Design,
        rules: tuple[ValidationRule, ...],
        report: Report,
    ) -> None:
        self.settings = settings
        self.work = work
        self.design = design
        self.rules = rules
        self.report = report
        self.log = StepLog(report)
        self.binaries = find_binaries(settings)
        self.archive = work / "archive"
        self.backup_directory = work / "backup"
        make_directory(self.archive, server_account(settings))
        self.primary = Server(
            profile="durable",
            settings=settings,
            binaries=self.binaries,
            data_directory=work / "primary",
            parameters=recovery.archive_parameters(
                settings, self.binaries, self.archive, timeout_seconds=ARCHIVE_TIMEOUT_SECONDS
            ),
        )
        self.backup: BaseBackup | None = None
        self.owners: dict[str, FileOwner] = {}
        self.baseline: tuple[TableDigest, ...] = ()
        self.at_point: tuple[TableDigest, ...] = ()
        self.facts: dict[str, Any] = {}
        self.integrity: tuple[IntegrityCheck, ...] = ()
        self.rule_runs: list[RuleRun] = []
        self.damage: tuple[Damage, ...] = ()
        self.corrupt = False
        self.directory = ""
        self.failure: Failure | None = None
        self.commits: list[tuple[int, float]] = []
        self.lost_at = 0.0

    # -- before the loss -----------------------------------------------------------------------

    def build(self, migrations: Path, *, rows: int, seed: int) -> None:
        """A durable server with schema, rows, baseline and a verified base backup."""
        with self.log.step("durable server", profile="durable") as step:
            self.primary.start()
            self.primary.create_database(DATABASE)
            step.detail = f"PostgreSQL {self.primary.version}, archiving WAL"
        with self.log.step("schema and rows") as step:
            failure = upgrade(self.primary.url(DATABASE), migrations)
            if failure is not None:
                raise_failure(failure)
            with self.primary.connect(DATABASE) as connection:
                small_rows(self.design, seed=seed, rows=rows)(connection)
                # Frozen and all-visible: reads change no page, and counting by an index does not
                # fall back on the table.
                connection.execute("vacuum (freeze, analyze)")
                connection.execute("checkpoint")
                self.baseline = digests(connection)
                self.owners = file_owners(connection)
            total = sum(digest.rows for digest in self.baseline)
            step.detail = f"{total} rows in {len(self.baseline)} tables"
        data = self.work / "primary"
        with self.log.step("base backup", data_directory=data, database=DATABASE) as step:
            # The markers are commits that any recovery can be asked for.
            with self.primary.connect() as connection:
                connection.execute("create table marker (n int primary key)")
            self.backup, runs = recovery.base_backup(self.primary, self.backup_directory)
            step.ran(runs)
            if self.backup is None:
                step.fail((runs[-1].stderr or runs[-1].stdout).strip()[-2000:])
            step.detail = f"{self.size_bytes} bytes, verified against its manifest"
            self.primary.stop("fast")

    @property
    def size_bytes(self) -> int:
        """The size of the base backup; 0 while there is none."""
        return self.backup.size_bytes if self.backup is not None else 0

    def check(self) -> bool:
        """Start again and run every integrity check. False where the data is corrupt."""
        with self.log.step("integrity after a restart") as step:
            try:
                self.primary.start()
                self.integrity = check_integrity(self.primary, DATABASE, baseline=self.baseline)
                self.rule_runs += self._run_rules(self.primary, "the drill's server")
            except ServerError as error:
                self.integrity = (
                    IntegrityCheck(
                        check="the server starts", target="server", passed=False,
                        detail=str(error)[-500:],
                    ),
                )  # fmt: skip
            failed = [check for check in self.integrity if not check.passed]
            failed_rules = [run for run in self.rule_runs if not run.passed]
            step.detail = f"{len(self.integrity)} checks, {len(failed)} failed"
            if failed or failed_rules:
                first = failed[0].detail if failed else failed_rules[0].detail
                self._keep(failed[0].target if failed else "", first)
                step.fail(f"{step.detail}: {first}")
        return True

    def _run_rules(self, server: Server, where: str) -> list[RuleRun]:
        if not self.rules:
            return []
        with server.connect(DATABASE) as connection:
            return [run_rule(connection, rule, where=where) for rule in self.rules]

    def _keep(self, target: str, detail: str) -> None:
        """Find where the damage is, and keep backup and archive for the restore.

        `target` and `detail` are of the first check that failed, for damage that no file shows.
        """
        self.corrupt = True
        if self.primary.started:
            # What was committed so far is in the archive then. A server that cannot even do that
            # is restored from what the archive has.
            with self.primary.connect() as connection:
                recovery.wait_until_archived(connection)
        self.primary.stop("immediate")
        assert self.backup is not None
        self.damage = find_damage(
            self.work / "primary",
            self.backup_directory,
            self.owners,
            backup_end_lsn=self.backup.end_lsn,
        ) or (Damage(kind="unknown", file="", table=target, detail=detail),)
        self.directory = str(keep(self.settings, self.backup_directory, self.archive))
        self.report(
            "corruption found", root_cause=root_cause(self.damage), directory=self.directory
        )

    def lose(self) -> None:
        """Work, a restore point, the accident, more work, and the loss of the server."""
        with self.log.step("work and a restore point") as step:
            with self.primary.connect(DATABASE) as connection:
                changed = change_rows(connection)
                connection.execute("select pg_create_restore_point(%s)", (RESTORE_POINT,))
                self.at_point = digests(connection)
                truncated = truncate_largest(connection)
                archived = recovery.wait_until_archived(connection)
                if not archived.passed:
                    step.fail(f"The archive has no {archived.segment}: {archived.detail}")
                after = digests(connection)
            step.detail = (
                f"{changed} rows changed, restore point {RESTORE_POINT}, then TRUNCATE of "
                f"{truncated}; archived up to {archived.segment}"
            )
            if not differences(self.at_point, after):
                step.fail("The accident changed nothing: there are no rows to lose.")
        with self.log.step("loss of the server") as step:
            self._commit_until(ARCHIVE_TIMEOUT_SECONDS * _LOSS_AFTER_TIMEOUTS)
            self.lost_at = time.monotonic()
            self.primary.stop("immediate")
            remove_tree(self.work / "primary")
            step.detail = (
                f"{len(self.commits)} commits, then an immediate stop; the data directory is gone"
            )

    def _commit_until(self, seconds: float) -> None:
        """Small commits, each with the moment at which the server had confirmed it."""
        with self.primary.connect() as connection:
            # The checkpointer falls asleep for checkpoint_timeout while the server still starts,
            # and sees to archive_timeout only after it was woken once.
            connection.execute("checkpoint")
            ends = time.monotonic() + seconds
            n = 0
            while time.monotonic() < ends:
                n += 1
                connection.execute("insert into marker values (%s)", (n,))
                self.commits.append((n, time.monotonic()))
                time.sleep(_COMMIT_PAUSE_SECONDS)

    # -- after the loss ------------------------------------------------------------------------

    def recover(self) -> None:
        """Recover to the restore point, to the end, and to a point that was never made."""
        with ExitStack() as running:
            with self.log.step("recovery to the restore point") as step:
                # What was verified when it was taken may have changed since.
                verified = recovery.verify_backup(
                    self.settings, self.binaries, self.backup_directory
                )
                step.ran([verified])
                if not recovery.is_verified(verified):
                    step.fail(f"The backup has changed: {verified.stderr.strip()[-500:]}")
                server = self._server("recovered", Target(kind="name", value=RESTORE_POINT))
                step.command = (*step.command, "&&", *_shown(server))
                running.enter_context(server)
                with server.connect(DATABASE) as connection:
                    found = digests(connection)
                self.facts["after_pitr"] = found
                unequal = differences(self.at_point, found)
                if unequal:
                    step.fail("Not the rows of the restore point: " + "; ".join(unequal))
                self.facts["rto_seconds"] = time.monotonic() - self.lost_at
                step.detail = (
                    f"{len(found)} tables equal the digests of the restore point, "
                    f"{self.facts['rto_seconds']:.2f} s after the loss"
                )
            self._check_recovered(server)
            self._dump(server)
        with self.log.step("recovery to the end of the archive") as step:
            server = self._server("newest", Target(), sync=False)
            step.command = _shown(server)
            with server, server.connect() as connection:
                rows = connection.execute("select n from marker").fetchall()
            kept = {n for (n,) in rows}
            lost = [at for n, at in self.commits if n not in kept]
            self.facts["rpo_seconds"] = self.lost_at - min(lost) if lost else 0.0
            self.facts["commits_lost"] = len(lost)
            step.detail = (
                f"{len(lost)} of {len(self.commits)} commits lost, the oldest "
                f"{self.facts['rpo_seconds']:.2f} s before the loss; WAL is archived at least "
                f"every {ARCHIVE_TIMEOUT_SECONDS} s"
            )
        with self.log.step("refusal of a point that was never made") as step:
            server = self._server("never", Target(kind="name", value="a13_never_made"), sync=False)
            step.command = _shown(server)
            try:
                server.start()
            except ServerError as error:
                expected = "recovery ended before configured recovery target was reached"
                if expected not in str(error):
                    raise
                step.detail = f"refused as it must be: {expected}"
            else:
                server.stop("immediate")
                step.fail("The server opened although the target was not reached.")

    def _server(self, name: str, target: Target, *, sync: bool = True) -> Server:
        """A copy of the backup, ready to recover."""
        directory = self.work / name
        recovery.copy_backup(self.settings, self.backup_directory, directory)
        return recovery.recovery_server(
            self.settings, self.binaries, directory, self.archive, target, sync=sync
        )

    def _check_recovered(self, server: Server) -> None:
        with self.log.step("integrity of the recovered server") as step:
            self.integrity = check_integrity(server, DATABASE, baseline=self.at_point)
            self.rule_runs += self._run_rules(server, "the recovered server")
            bad = [check for check in self.integrity if not check.passed]
            bad_rules = [run for run in self.rule_runs if not run.passed]
            if bad:
                step.fail(f"{bad[0].check} of {bad[0].target}: {bad[0].detail}")
            if bad_rules:
                step.fail(f"{bad_rules[0].rule}: {bad_rules[0].detail}")
            step.detail = f"{len(self.integrity)} checks passed"

    def _dump(self, server: Server) -> None:
        with self.log.step("dump and restore") as step:
            clean, runs = recovery.dump_and_restore(
                server, DATABASE, "a13_restored", self.work / "dump"
            )
            step.ran(runs)
            if not clean:
                step.fail((runs[-1].stderr or runs[-1].stdout).strip()[-2000:])
            with server.connect("a13_restored") as connection:
                found = digests(connection)
            self.facts["after_dump"] = found
            unequal = differences(self.at_point, found)
            if unequal:
                step.fail("Not the rows that were dumped: " + "; ".join(unequal))
            step.detail = f"{len(found)} tables equal in a new database"

    def outcome(self) -> DrillReport:
        """The report of what ran."""
        return DrillReport(
            steps=tuple(self.log.steps),
            before=self.at_point or self.baseline,
            integrity=self.integrity,
            rule_runs=tuple(self.rule_runs),
            archive_timeout_seconds=ARCHIVE_TIMEOUT_SECONDS,
            backup_bytes=self.size_bytes,
            commits=len(self.commits),
            corrupt=self.corrupt,
            damage=self.damage,
            directory=self.directory,
            passed=self.failure is None,
            failure=self.failure,
            **self.facts,
        )


def raise_failure(failure: Failure) -> None:
    """End the drill with a failure that another part has described."""
    raise StepFailedError(failure)


def _shown(server: Server) -> tuple[str, ...]:
    """The command of a recovering server, with the parameters that make it one."""
    return (
        "postgres",
        *(
            f"--{name}={value}"
            for name, value in server.parameters.items()
            if name.startswith(("recovery_target", "restore_command"))
        ),
    )
