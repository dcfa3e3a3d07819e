"""The state of one drill, shared by its parts: where things lie, and what was seen so far."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..config import Settings
from ..domain.damage import Damage, RuleRun, ValidationRule
from ..domain.design import Design
from ..domain.findings import Failure
from ..domain.measurement import DrillReport, IntegrityCheck, TableDigest
from ..domain.progress import Report
from . import backup as recovery
from .backup import BaseBackup, Target
from .binaries import find_binaries
from .damage import FileOwner
from .directories import make_directory
from .kept import DATABASE
from .processes import server_account
from .server import Server
from .steplog import StepLog
from .validation import run_rule

ARCHIVE_TIMEOUT_SECONDS = 1


class Drill:
    """One drill in its own directory; `outcome` is its report at any time."""

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
        self.log = StepLog(report, work)
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

    @property
    def size_bytes(self) -> int:
        """The size of the base backup; 0 while there is none."""
        return self.backup.size_bytes if self.backup is not None else 0

    def run_rules(self, server: Server, where: str) -> list[RuleRun]:
        """Run the rules of earlier corruptions on a server, which `where` names."""
        if not self.rules:
            return []
        with server.connect(DATABASE) as connection:
            return [run_rule(connection, rule, where=where) for rule in self.rules]

    def recovering(self, name: str, target: Target, *, sync: bool = True) -> Server:
        """A copy of the backup, ready to recover."""
        directory = self.work / name
        recovery.copy_backup(self.settings, self.backup_directory, directory)
        return recovery.recovery_server(
            self.settings, self.binaries, directory, self.archive, target, sync=sync
        )

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
