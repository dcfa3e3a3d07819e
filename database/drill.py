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

from pathlib import Path

from ..config import Settings
from ..domain.damage import ValidationRule
from ..domain.design import Design
from ..domain.measurement import DrillReport
from ..domain.progress import Report, silent
from .directories import work_directory
from .drill_after import lose, recover
from .drill_before import build, check
from .drill_state import Drill
from .kept import sweep_kept
from .steplog import StepFailedError


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
    with work_directory(settings) as work:
        run = Drill(settings, work, design, rules, report)
        try:
            build(run, migrations, rows=rows, seed=seed)
            check(run)
            lose(run)
            recover(run)
        except StepFailedError as error:
            run.failure = error.failure
        finally:
            run.primary.stop("immediate")
    return run.outcome()
