"""The recovery drill, and what it does about damage from outside."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from a13.config import Settings
from a13.database.directories import cache_directory, remove_tree
from a13.database.drill import drill
from a13.database.kept import keep, mark_restored, sweep_kept
from a13.database.restore import restore
from a13.domain.damage import ValidationRule
from a13.domain.design import Column, Design, Relation
from a13.domain.measurement import DrillReport

SETTINGS = Settings()
ROWS = 200
SLOW = pytest.mark.slow


class Saboteur:
    """A report that hears the drill and, when its server is stopped, damages a file of it."""

    def __init__(self, harm: Callable[[Path], None] | None = None) -> None:
        self.heard: list[tuple[str, dict[str, str]]] = []
        self._harm = harm

    def __call__(self, what: str, /, **facts: object) -> None:
        self.heard.append((what, {name: str(fact) for name, fact in facts.items()}))
        if what == "base backup finished" and self._harm is not None:
            self._harm(Path(str(facts["data_directory"])))


def files_of_the_drill(data: Path) -> list[Path]:
    """The main files of the newest database's user tables and indexes, a table before its own."""
    databases = [path for path in (data / "base").iterdir() if path.name.isdigit()]
    newest = max(databases, key=lambda path: int(path.name))
    found = [p for p in newest.iterdir() if p.name.isdigit() and int(p.name) >= 16384]
    return sorted(found, key=lambda path: int(path.name))


def heap_with(data: Path, needle: bytes) -> tuple[Path, int]:
    """The file and page whose rows hold a text."""
    for path in files_of_the_drill(data):
        content = path.read_bytes()
        place = content.find(needle)
        if place >= 0:
            return path, place // 8192
    raise AssertionError(f"no file holds {needle!r}")


def zero_a_heap_page(data: Path) -> None:
    path, block = heap_with(data, b"@example.")
    with path.open("r+b") as file:
        file.seek(block * 8192)
        file.write(bytes(8192))


def flip_a_bit(data: Path) -> None:
    path, block = heap_with(data, b"@example.")
    with path.open("r+b") as file:
        file.seek(block * 8192 + 8000)
        byte = file.read(1)[0]
        file.seek(block * 8192 + 8000)
        file.write(bytes([byte ^ 1]))


def truncate_a_heap(data: Path) -> None:
    path, _ = heap_with(data, b"@example.")
    os.truncate(path, 0)


def delete_a_heap(data: Path) -> None:
    heap_with(data, b"@example.")[0].unlink()


def break_pg_control(data: Path) -> None:
    (data / "global" / "pg_control").write_bytes(b"x" * 8192)


@pytest.fixture(scope="module", autouse=True)
def tidy() -> Iterator[None]:
    """Remove what the corrupt drills of this module keep for a restore."""
    kept = cache_directory(SETTINGS, "drills")
    before = set(kept.iterdir())
    yield
    for path in set(kept.iterdir()) - before:
        remove_tree(path)


@pytest.fixture(scope="module")
def sound(clinic_design: Design, clinic_migrations: Path) -> tuple[DrillReport, Saboteur]:
    listener = Saboteur()
    report = drill(SETTINGS, clinic_migrations, clinic_design, rows=ROWS, seed=3, report=listener)
    return report, listener


def test_a_sound_drill_passes_every_step(sound: tuple[DrillReport, Saboteur]) -> None:
    report, _ = sound
    assert report.failure is None
    assert report.passed and not report.corrupt
    assert [step.name for step in report.steps] == [
        "durable server",
        "schema and rows",
        "base backup",
        "integrity after a restart",
        "work and a restore point",
        "loss of the server",
        "recovery to the restore point",
        "integrity of the recovered server",
        "dump and restore",
        "recovery to the end of the archive",
        "refusal of a point that was never made",
    ]
    assert all(step.passed and step.seconds >= 0 for step in report.steps)


def test_the_recovered_rows_are_those_of_the_restore_point(
    sound: tuple[DrillReport, Saboteur],
) -> None:
    report, _ = sound
    assert report.before == report.after_pitr == report.after_dump
    assert sum(digest.rows for digest in report.before) > ROWS
    assert all(check.passed for check in report.integrity)


def test_objectives_are_measured(sound: tuple[DrillReport, Saboteur]) -> None:
    report, _ = sound
    assert report.rto_seconds is not None and 0 < report.rto_seconds < 60
    # Commits went on for two and a half times the archive timeout: some are lost, not all.
    assert 0 < report.commits_lost < report.commits
    assert report.rpo_seconds is not None and 0 < report.rpo_seconds < 60
    assert report.backup_bytes > 1_000_000
    assert report.archive_timeout_seconds == 1


def test_commands_are_shown_without_secrets(sound: tuple[DrillReport, Saboteur]) -> None:
    report, listener = sound
    commands = {step.name: step.command for step in report.steps}
    assert commands["base backup"][0] == "pg_basebackup"
    assert "pg_verifybackup" in commands["base backup"]
    assert commands["dump and restore"][0] == "pg_dump"
    target = "--recovery_target_name=a13_before_the_accident"
    assert target in commands["recovery to the restore point"]
    assert commands["base backup"][1] == "--pgdata=DRILL/backup"
    assert "assword" not in report.model_dump_json()
    assert "assword" not in repr(listener.heard)


def test_each_step_is_reported_when_it_is_over(sound: tuple[DrillReport, Saboteur]) -> None:
    report, listener = sound
    assert [what for what, _ in listener.heard] == [f"{s.name} finished" for s in report.steps]
    backup = dict(listener.heard)["base backup finished"]
    assert backup["database"] == "a13_drill"


def test_a_sound_drill_leaves_nothing(sound: tuple[DrillReport, Saboteur]) -> None:
    report, listener = sound
    assert report.directory == ""
    assert not Path(dict(listener.heard)["base backup finished"]["data_directory"]).exists()


DAMAGE = [
    pytest.param(zero_a_heap_page, "zeroed page", "count_by_key_of_doctor", id="zeroed page"),
    pytest.param(flip_a_bit, "changed page", "pages_of_doctor", id="bit", marks=SLOW),
    pytest.param(truncate_a_heap, "truncated file", "size_of_doctor", id="cut", marks=SLOW),
    pytest.param(delete_a_heap, "missing file", "size_of_doctor", id="gone", marks=SLOW),
]


@pytest.mark.parametrize(("harm", "kind", "rule"), DAMAGE)
def test_damage_is_found_restored_and_watched_from_then_on(
    clinic_design: Design,
    clinic_migrations: Path,
    harm: Callable[[Path], None],
    kind: str,
    rule: str,
) -> None:
    damaged = drill(
        SETTINGS, clinic_migrations, clinic_design, rows=ROWS, seed=3, report=Saboteur(harm)
    )
    assert damaged.corrupt and not damaged.passed
    assert damaged.failure is not None
    assert damaged.steps[-1].name == "integrity after a restart"
    assert [one.passed for one in damaged.steps] == [True, True, True, False]
    assert any(not check.passed for check in damaged.integrity)
    assert (damaged.damage[0].kind, damaged.damage[0].table) == (kind, "doctor")

    # Another process would have the report as JSON and the directory's path.
    handed_over = DrillReport.model_validate_json(damaged.model_dump_json())
    restored = restore(SETTINGS, Path(damaged.directory), handed_over)
    assert restored.passed, restored.steps
    assert restored.after == damaged.before
    assert all(check.passed for check in restored.integrity)
    assert kind in restored.root_cause.lower() and "doctor" in restored.root_cause
    assert [one.name for one in restored.rules] == [rule]
    assert [(run.rule, run.passed) for run in restored.rule_runs] == [(rule, True)]


@SLOW
def test_a_restore_can_be_run_again(clinic_design: Design, clinic_migrations: Path) -> None:
    """As after a kill: everything is where it was."""
    damaged = drill(
        SETTINGS, clinic_migrations, clinic_design, rows=ROWS, seed=3,
        report=Saboteur(zero_a_heap_page),
    )  # fmt: skip
    first = restore(SETTINGS, Path(damaged.directory), damaged)
    second = restore(SETTINGS, Path(damaged.directory), damaged)
    assert first.passed and second.passed
    assert first.rules == second.rules


@SLOW
def test_the_next_drill_runs_the_new_checks(clinic_design: Design, clinic_migrations: Path) -> None:
    good = ValidationRule(name="good", sql="DO $$ BEGIN END $$", reason="a test")
    report = drill(SETTINGS, clinic_migrations, clinic_design, rows=ROWS, seed=3, rules=(good,))
    assert report.passed
    assert [(run.where, run.passed) for run in report.rule_runs] == [
        ("the drill's server", True),
        ("the recovered server", True),
    ]


@SLOW
def test_a_rule_that_fails_is_corruption(clinic_design: Design, clinic_migrations: Path) -> None:
    bad = ValidationRule(
        name="bad", sql="DO $$ BEGIN RAISE EXCEPTION 'three rows too many'; END $$", reason="x"
    )
    report = drill(SETTINGS, clinic_migrations, clinic_design, rows=ROWS, seed=3, rules=(bad,))
    assert report.corrupt
    assert "three rows too many" in report.steps[-1].detail
    assert report.damage[0].kind == "unknown"
    restored = restore(SETTINGS, Path(report.directory), report)
    assert restored.passed
    assert restored.root_cause.startswith("Unknown")


@SLOW
def test_a_server_that_does_not_start_again_is_corrupt(
    clinic_design: Design, clinic_migrations: Path
) -> None:
    report = drill(
        SETTINGS,
        clinic_migrations,
        clinic_design,
        rows=ROWS,
        seed=3,
        report=Saboteur(break_pg_control),
    )
    assert report.corrupt
    assert report.integrity[0].check == "the server starts"
    assert restore(SETTINGS, Path(report.directory), report).passed


@SLOW
@pytest.mark.parametrize("lost", ["backup_label", "base/1/PG_VERSION"])
def test_a_backup_that_changed_since_does_not_pass(
    clinic_design: Design, clinic_migrations: Path, lost: str
) -> None:
    def lose(data: Path) -> None:
        (data.parent / "backup" / lost).unlink()

    report = drill(
        SETTINGS, clinic_migrations, clinic_design, rows=ROWS, seed=3, report=Saboteur(lose)
    )
    assert not report.passed and not report.corrupt
    assert report.steps[-1].name == "recovery to the restore point"
    assert lost in report.steps[-1].detail
    assert report.rto_seconds is None
    assert report.failure is not None and report.failure.kind == "drill"


@SLOW
def test_a_segment_that_is_lost_from_the_archive_does_not_pass(
    clinic_design: Design, clinic_migrations: Path
) -> None:
    """pg_verifybackup is content with such a backup; the recovery is not."""
    archive: list[Path] = []

    def listen(what: str, /, **facts: object) -> None:
        if what == "base backup finished":
            archive.append(Path(str(facts["data_directory"])).parent / "archive")
        if what == "loss of the server finished":
            for segment in sorted(archive[0].iterdir())[1:]:
                segment.unlink()

    report = drill(SETTINGS, clinic_migrations, clinic_design, rows=ROWS, seed=3, report=listen)
    assert not report.passed
    assert report.steps[-1].name == "recovery to the restore point"
    assert "before configured recovery target was reached" in report.steps[-1].detail


def test_a_restore_whose_directory_is_gone(tmp_path: Path) -> None:
    report = restore(SETTINGS, tmp_path / "nowhere", DrillReport(steps=()))
    assert not report.passed
    assert "run the drill again" in report.steps[0].detail


def test_a_revision_that_fails_ends_the_drill(tmp_path: Path, clinic_design: Design) -> None:
    from a13.database.revisions import Statement, initialise, write_revision

    directory = tmp_path / "migrations"
    initialise(directory)
    broken = Statement(sql="SELECT 1 / 0", reverse="", element="relation:none")
    write_revision(directory, message="broken", statements=(broken,))
    report = drill(SETTINGS, directory, clinic_design, rows=10, seed=3)
    assert not report.passed and not report.corrupt
    assert report.failure is not None and report.failure.sqlstate == "22012"
    assert report.steps[-1].name == "schema and rows"


@SLOW
def test_one_relation_is_enough(tmp_path: Path) -> None:
    from a13.database.compile import compile_design
    from a13.database.revisions import initialise, write_revision

    design = Design(
        name="small",
        relations=(
            Relation(
                name="only",
                columns=(Column(name="id", type="bigint", identity=True),),
                primary_key=("id",),
            ),
        ),
    )
    directory = tmp_path / "migrations"
    initialise(directory)
    write_revision(directory, message="one", statements=compile_design(design))
    report = drill(SETTINGS, directory, design, rows=50, seed=3)
    assert report.passed, report.failure


def test_old_kept_directories_are_swept(tmp_path: Path) -> None:
    settings = Settings(cache_dir=tmp_path / "cache")
    for name in ("backup", "archive"):
        (tmp_path / name).mkdir()
    directory = keep(settings, tmp_path / "backup", tmp_path / "archive")
    hours_ago = time.time() - 7200
    os.utime(directory, (hours_ago, hours_ago))
    assert sweep_kept(settings) == []
    mark_restored(directory)
    assert sweep_kept(settings) == []
    os.utime(directory, (hours_ago, hours_ago))
    assert sweep_kept(settings) == [directory]
    assert not directory.exists()


def test_what_was_never_restored_is_swept_after_a_week(tmp_path: Path) -> None:
    settings = Settings(cache_dir=tmp_path / "cache")
    for name in ("backup", "archive"):
        (tmp_path / name).mkdir()
    directory = keep(settings, tmp_path / "backup", tmp_path / "archive")
    os.utime(directory, (0, 0))
    assert sweep_kept(settings) == [directory]


def test_psycopg_errors_inside_a_step_are_steps_that_failed() -> None:
    from a13.database.steplog import StepFailedError, StepLog

    log = StepLog(lambda what, /, **facts: None, Path("/somewhere"))
    with pytest.raises(StepFailedError), log.step("a step"):
        raise psycopg.OperationalError("the connection is lost")
    assert [(step.name, step.passed, step.detail) for step in log.steps] == [
        ("a step", False, "the connection is lost")
    ]
