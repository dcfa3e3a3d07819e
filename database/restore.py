"""The restore after corruption: the data from backup and archive, the cause, and a new check."""

from __future__ import annotations

import time
from pathlib import Path

from ..config import Settings
from ..domain.damage import RuleRun, ValidationRule
from ..domain.measurement import DrillReport, IntegrityCheck, TableDigest
from ..domain.progress import Report, silent
from ..domain.recovery import RestoreReport
from . import backup as recovery
from .backup import Target
from .binaries import find_binaries
from .damage import root_cause
from .digests import differences, digests
from .directories import work_directory
from .integrity import check_integrity
from .kept import DATABASE, mark_restored
from .server import Server
from .steplog import StepFailedError, StepLog
from .validation import primary_keys, rules_for, run_rule


def restore(
    settings: Settings, directory: Path, damaged: DrillReport, *, report: Report = silent
) -> RestoreReport:
    """Restore what a corrupt drill left, into a new server, and prove that it is whole.

    `directory` is `DrillReport.directory` of `damaged`, whose digests are what the rows must
    equal. Its files are left as they are, so the restore can be run again. The report has not
    passed where the directory is gone, a step failed, or a new rule fails on the restored data.
    """
    began = time.monotonic()
    run = _Restored()
    with work_directory(settings) as work:
        log = StepLog(report, work)
        try:
            with log.step("backup and archive at hand") as step:
                if not (directory / "backup" / "backup_manifest").is_file():
                    step.fail("The drill's backup is gone: run the drill again.")
                verified = recovery.verify_backup(
                    settings, find_binaries(settings), directory / "backup"
                )
                step.ran([verified])
                if not recovery.is_verified(verified):
                    step.fail(f"The backup has changed: {verified.stderr.strip()[-500:]}")
                step.detail = root_cause(damaged.damage)
            _restore(settings, directory, work / "restored", damaged, log, run)
        except StepFailedError:
            pass
    passed = bool(log.steps) and all(step.passed for step in log.steps)
    if passed:
        mark_restored(directory)
    return RestoreReport(
        steps=tuple(log.steps),
        before=damaged.before,
        after=run.after,
        integrity=run.integrity,
        damage=damaged.damage,
        root_cause=root_cause(damaged.damage),
        rules=run.rules,
        rule_runs=run.rule_runs,
        seconds=time.monotonic() - began,
        passed=passed,
    )


class _Restored:
    """What the restore has shown so far."""

    after: tuple[TableDigest, ...] = ()
    integrity: tuple[IntegrityCheck, ...] = ()
    rules: tuple[ValidationRule, ...] = ()
    rule_runs: tuple[RuleRun, ...] = ()


def _restore(
    settings: Settings,
    directory: Path,
    data: Path,
    damaged: DrillReport,
    log: StepLog,
    run: _Restored,
) -> None:
    binaries = find_binaries(settings)
    with log.step("recovery from backup and archive") as step:
        copied = recovery.copy_backup(settings, directory / "backup", data)
        step.ran([copied])
        server = recovery.recovery_server(settings, binaries, data, directory / "archive", Target())
        server.start()
    with server:
        with log.step("rows equal the baseline") as step, server.connect(DATABASE) as connection:
            run.after = digests(connection)
            unequal = differences(damaged.before, run.after)
            if unequal:
                step.fail("; ".join(unequal))
            step.detail = f"{len(run.after)} tables"
        with log.step("integrity of the restored server") as step:
            run.integrity = check_integrity(server, DATABASE, baseline=damaged.before)
            bad = [check for check in run.integrity if not check.passed]
            if bad:
                step.fail(f"{bad[0].check} of {bad[0].target}: {bad[0].detail}")
            step.detail = f"{len(run.integrity)} checks passed"
        with log.step("new checks") as step:
            _add_rules(server, damaged, run)
            step.detail = ", ".join(rule.name for rule in run.rules) or "none"
            refused = [one for one in run.rule_runs if not one.passed]
            if refused:
                step.fail(f"{refused[0].rule}: {refused[0].detail}")


def _add_rules(server: Server, damaged: DrillReport, run: _Restored) -> None:
    with server.connect(DATABASE) as connection:
        run.rules = rules_for(damaged.damage, primary_keys(connection))
        run.rule_runs = tuple(
            run_rule(connection, rule, where="the restored server") for rule in run.rules
        )
