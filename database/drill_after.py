"""The drill from its work on: a restore point, an accident, the loss, and the recoveries."""

from __future__ import annotations

import time
from contextlib import ExitStack

from ..errors import ServerError
from . import backup as recovery
from .backup import Target
from .digests import differences, digests
from .directories import remove_tree
from .drill_state import ARCHIVE_TIMEOUT_SECONDS, Drill
from .drill_work import change_rows, truncate_largest
from .integrity import check_integrity
from .kept import DATABASE
from .server import Server

RESTORE_POINT = "a13_before_the_accident"
_COMMIT_PAUSE_SECONDS = 0.02
_LOSS_AFTER_TIMEOUTS = 2.5


def lose(run: Drill) -> None:
    """Work, a restore point, the accident, more work, and the loss of the server."""
    with run.log.step("work and a restore point") as step:
        with run.primary.connect(DATABASE) as connection:
            changed = change_rows(connection)
            connection.execute("select pg_create_restore_point(%s)", (RESTORE_POINT,))
            run.at_point = digests(connection)
            truncated = truncate_largest(connection)
            archived = recovery.wait_until_archived(connection)
            if not archived.passed:
                step.fail(f"The archive has no {archived.segment}: {archived.detail}")
            after = digests(connection)
        step.detail = (
            f"{changed} rows changed, restore point {RESTORE_POINT}, then TRUNCATE of "
            f"{truncated}; archived up to {archived.segment}"
        )
        if not differences(run.at_point, after):
            step.fail("The accident changed nothing: there are no rows to lose.")
    with run.log.step("loss of the server") as step:
        _commit_until(run, ARCHIVE_TIMEOUT_SECONDS * _LOSS_AFTER_TIMEOUTS)
        run.lost_at = time.monotonic()
        run.primary.stop("immediate")
        remove_tree(run.work / "primary")
        step.detail = (
            f"{len(run.commits)} commits, then an immediate stop; the data directory is gone"
        )


def _commit_until(run: Drill, seconds: float) -> None:
    """Small commits, each with the moment at which the server had confirmed it."""
    with run.primary.connect() as connection:
        # The checkpointer falls asleep for checkpoint_timeout while the server still starts,
        # and sees to archive_timeout only after it was woken once.
        connection.execute("checkpoint")
        ends = time.monotonic() + seconds
        n = 0
        while time.monotonic() < ends:
            n += 1
            connection.execute("insert into marker values (%s)", (n,))
            run.commits.append((n, time.monotonic()))
            time.sleep(_COMMIT_PAUSE_SECONDS)


def recover(run: Drill) -> None:
    """Recover to the restore point, to the end, and to a point that was never made."""
    with ExitStack() as running:
        with run.log.step("recovery to the restore point") as step:
            # What was verified when it was taken may have changed since.
            verified = recovery.verify_backup(run.settings, run.binaries, run.backup_directory)
            step.ran([verified])
            if not recovery.is_verified(verified):
                step.fail(f"The backup has changed: {verified.stderr.strip()[-500:]}")
            server = run.recovering("recovered", Target(kind="name", value=RESTORE_POINT))
            step.command = (*step.command, "&&", *_shown(server))
            running.enter_context(server)
            with server.connect(DATABASE) as connection:
                found = digests(connection)
            run.facts["after_pitr"] = found
            unequal = differences(run.at_point, found)
            if unequal:
                step.fail("Not the rows of the restore point: " + "; ".join(unequal))
            run.facts["rto_seconds"] = time.monotonic() - run.lost_at
            step.detail = (
                f"{len(found)} tables equal the digests of the restore point, "
                f"{run.facts['rto_seconds']:.2f} s after the loss"
            )
        _check_recovered(run, server)
        _dump(run, server)
    with run.log.step("recovery to the end of the archive") as step:
        server = run.recovering("newest", Target(), sync=False)
        step.command = _shown(server)
        with server, server.connect() as connection:
            rows = connection.execute("select n from marker").fetchall()
        kept = {n for (n,) in rows}
        lost = [at for n, at in run.commits if n not in kept]
        run.facts["rpo_seconds"] = run.lost_at - min(lost) if lost else 0.0
        run.facts["commits_lost"] = len(lost)
        step.detail = (
            f"{len(lost)} of {len(run.commits)} commits lost, the oldest "
            f"{run.facts['rpo_seconds']:.2f} s before the loss; WAL is archived at least "
            f"every {ARCHIVE_TIMEOUT_SECONDS} s"
        )
    with run.log.step("refusal of a point that was never made") as step:
        server = run.recovering("never", Target(kind="name", value="a13_never_made"), sync=False)
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


def _check_recovered(run: Drill, server: Server) -> None:
    with run.log.step("integrity of the recovered server") as step:
        run.integrity = check_integrity(server, DATABASE, baseline=run.at_point)
        run.rule_runs += run.run_rules(server, "the recovered server")
        bad = [check for check in run.integrity if not check.passed]
        bad_rules = [one for one in run.rule_runs if not one.passed]
        if bad:
            step.fail(f"{bad[0].check} of {bad[0].target}: {bad[0].detail}")
        if bad_rules:
            step.fail(f"{bad_rules[0].rule}: {bad_rules[0].detail}")
        step.detail = f"{len(run.integrity)} checks passed"


def _dump(run: Drill, server: Server) -> None:
    with run.log.step("dump and restore") as step:
        clean, runs = recovery.dump_and_restore(server, DATABASE, "a13_restored", run.work / "dump")
        step.ran(runs)
        if not clean:
            step.fail((runs[-1].stderr or runs[-1].stdout).strip()[-2000:])
        with server.connect("a13_restored") as connection:
            found = digests(connection)
        run.facts["after_dump"] = found
        unequal = differences(run.at_point, found)
        if unequal:
            step.fail("Not the rows that were dumped: " + "; ".join(unequal))
        step.detail = f"{len(found)} tables equal in a new database"


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
