"""The drill up to its integrity checks: rows, a base backup, a restart, every check there is."""

from __future__ import annotations

from pathlib import Path

from ..domain.damage import Damage
from ..domain.measurement import IntegrityCheck
from ..errors import ServerError
from . import backup as recovery
from .damage import file_owners, find_damage, root_cause
from .digests import digests
from .drill_state import Drill
from .generate import small_rows
from .integrity import check_integrity
from .kept import DATABASE, keep
from .revisions import upgrade
from .steplog import StepFailedError


def build(run: Drill, migrations: Path, *, rows: int, seed: int) -> None:
    """A durable server with schema, rows, baseline and a verified base backup."""
    with run.log.step("durable server", profile="durable") as step:
        run.primary.start()
        run.primary.create_database(DATABASE)
        step.detail = f"PostgreSQL {run.primary.version}, archiving WAL"
    with run.log.step("schema and rows") as step:
        failure = upgrade(run.primary.url(DATABASE), migrations)
        if failure is not None:
            raise StepFailedError(failure)
        with run.primary.connect(DATABASE) as connection:
            small_rows(run.design, seed=seed, rows=rows)(connection)
            # Frozen and all-visible: reads change no page, and counting by an index does not
            # fall back on the table.
            connection.execute("vacuum (freeze, analyze)")
            connection.execute("checkpoint")
            run.baseline = digests(connection)
            run.owners = file_owners(connection)
        total = sum(digest.rows for digest in run.baseline)
        step.detail = f"{total} rows in {len(run.baseline)} tables"
    data = run.work / "primary"
    with run.log.step("base backup", data_directory=data, database=DATABASE) as step:
        # The markers are commits that any recovery can be asked for.
        with run.primary.connect() as connection:
            connection.execute("create table marker (n int primary key)")
        run.backup, runs = recovery.base_backup(run.primary, run.backup_directory)
        step.ran(runs)
        if run.backup is None:
            step.fail((runs[-1].stderr or runs[-1].stdout).strip()[-2000:])
        step.detail = f"{run.size_bytes} bytes, verified against its manifest"
        run.primary.stop("fast")


def check(run: Drill) -> None:
    """Start again and run every integrity check; where one fails, keep what a restore needs."""
    with run.log.step("integrity after a restart") as step:
        try:
            run.primary.start()
            run.integrity = check_integrity(run.primary, DATABASE, baseline=run.baseline)
            run.rule_runs += run.run_rules(run.primary, "the drill's server")
        except ServerError as error:
            run.integrity = (
                IntegrityCheck(
                    check="the server starts", target="server", passed=False,
                    detail=str(error)[-500:],
                ),
            )  # fmt: skip
        failed = [check for check in run.integrity if not check.passed]
        failed_rules = [one for one in run.rule_runs if not one.passed]
        step.detail = f"{len(run.integrity)} checks, {len(failed)} failed"
        if failed or failed_rules:
            first = failed[0].detail if failed else failed_rules[0].detail
            _keep(run, failed[0].target if failed else "", first)
            step.fail(f"{step.detail}: {first}")


def _keep(run: Drill, target: str, detail: str) -> None:
    """Find where the damage is, and keep backup and archive for the restore.

    `target` and `detail` are of the first check that failed, for damage that no file shows.
    """
    run.corrupt = True
    if run.primary.started:
        # What was committed so far is in the archive then. A server that cannot even do that
        # is restored from what the archive has.
        with run.primary.connect() as connection:
            recovery.wait_until_archived(connection)
    run.primary.stop("immediate")
    assert run.backup is not None
    run.damage = find_damage(
        run.work / "primary",
        run.backup_directory,
        run.owners,
        backup_end_lsn=run.backup.end_lsn,
    ) or (Damage(kind="unknown", file="", table=target, detail=detail),)
    run.directory = str(keep(run.settings, run.backup_directory, run.archive))
    run.report("corruption found", root_cause=root_cause(run.damage), directory=run.directory)
