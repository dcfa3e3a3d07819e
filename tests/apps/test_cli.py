"""The command line, run as a user runs it: a process, its output and its exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from a13.apps import cli

PRD = """\
# Lending library

## Data model

- **Member**: name (text), email (text, unique)
- **Loan**: borrowed_at (timestamp), status (enum: open, returned)

A member has many loans.

## Volumes

- 200 members
- 600 loans

## Performance

- List a member's loans: p95 < 500 ms
"""


def a13(*arguments: str | Path, cwd: Path, stdin: str | None = None) -> subprocess.CompletedProcess:  # type: ignore[type-arg]
    return subprocess.run(
        [sys.executable, "-m", "a13", *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "COLUMNS": "120"},
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess]:  # type: ignore[type-arg]
    place = tmp_path_factory.mktemp("cli")
    (place / "prd.md").write_text(PRD)
    return place, a13("run", "prd.md", "--workspace", "out", cwd=place)


def test_help_names_the_commands_and_the_exit_codes(tmp_path: Path) -> None:
    shown = a13("--help", cwd=tmp_path)
    assert shown.returncode == 0
    for word in ("run", "plan", "resume", "serve", "verify", "doctor", "Exit codes"):
        assert word in shown.stdout


def test_run_shows_progress_and_a_summary(finished) -> None:  # type: ignore[no-untyped-def]
    _, shown = finished
    assert shown.returncode == 0, shown.stdout + shown.stderr
    for word in ("Design", "Migrate", "Optimize", "Manage data", "Document"):
        assert word in shown.stderr
    assert "docs/architecture/database.md" in shown.stdout
    assert "met" in shown.stdout


def test_verify_and_an_edited_file(finished, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    place, _ = finished
    assert a13("verify", "out", cwd=place).returncode == 0
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", place / "out", copy], check=True)
    page = copy / "docs/architecture/database.md"
    page.write_text(page.read_text() + "\nOne more claim.\n")
    shown = a13("verify", copy, cwd=tmp_path)
    assert shown.returncode == 1
    assert "database.md" in shown.stdout
    both = a13("verify", place / "out", copy, cwd=tmp_path)
    assert both.returncode == 1
    environment = copy / "migrations/env.py"
    environment.write_text(environment.read_text() + "\n# more\n")
    assert "migrations/env.py" in a13("verify", copy, cwd=tmp_path).stdout
    machine = a13("verify", copy, "--json", cwd=tmp_path)
    assert json.loads(machine.stdout)["ok"] is False


def test_plan_prints_the_design_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "prd.md").write_text(PRD)
    shown = a13("plan", "prd.md", cwd=tmp_path)
    assert shown.returncode == 0
    assert "members" in shown.stdout
    machine = json.loads(a13("plan", "-", "--json", cwd=tmp_path, stdin=PRD).stdout)
    assert [relation["name"] for relation in machine["relations"]] == ["members", "loans"]
    assert [p.name for p in tmp_path.iterdir()] == ["prd.md"]


def test_needs_input_is_exit_code_three(tmp_path: Path) -> None:
    shown = a13("run", "-", "--workspace", "out", cwd=tmp_path, stdin="# Plan\n\nBe the best.\n")
    assert shown.returncode == 3, shown.stdout + shown.stderr
    assert "Q-ENTITIES" in shown.stdout
    wrong = a13("resume", "out", "--answer", "nonsense", cwd=tmp_path)
    assert wrong.returncode == 2
    unknown = a13("resume", "out", "--answer", "Q-9=x", cwd=tmp_path)
    assert unknown.returncode == 1
    assert "Q-ENTITIES" in unknown.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("run",), 2),
        (("run", "missing.md"), 2),
        (("run", "prd.md", "--workspace", "/etc"), 2),
        (("run", "prd.md", "--model", "unknown"), 2),
        (("nonsense",), 2),
        (("resume", "nowhere"), 2),
        (("serve", "nowhere"), 2),
        (("run", "prd.md", "--database-url", "not a url"), 2),
    ],
)
def test_misuse_is_one_clear_message(arguments: tuple[str, ...], code: int, tmp_path: Path) -> None:
    (tmp_path / "prd.md").write_text(PRD)
    shown = a13(*arguments, cwd=tmp_path)
    assert shown.returncode == code, shown.stderr
    assert shown.stderr.strip()
    assert "Traceback" not in shown.stderr


def test_json_is_the_whole_result_on_standard_output(finished) -> None:  # type: ignore[no-untyped-def]
    place, _ = finished
    shown = a13("resume", "out", "--json", cwd=place)
    assert shown.returncode == 0
    result = json.loads(shown.stdout)
    assert result["status"] == "completed"
    assert {criterion["verdict"] for criterion in result["acceptance"]} == {"met"}


def test_version(tmp_path: Path) -> None:
    shown = a13("--version", cwd=tmp_path)
    assert shown.returncode == 0
    assert re.fullmatch(r"a13 \d+\.\d+\.\d+\n", shown.stdout)


def test_doctor(tmp_path: Path) -> None:
    shown = a13("doctor", "--json", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    facts = json.loads(shown.stdout)
    assert facts["problem"] == ""
    assert facts["start_seconds"] > 0


def test_serve_until_interrupted(finished) -> None:  # type: ignore[no-untyped-def]
    place, _ = finished
    process = subprocess.Popen(
        [sys.executable, "-m", "a13", "serve", "out"],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "COLUMNS": "400"},
    )
    try:
        assert process.stdout is not None
        shown = ""
        while "SQLAlchemy" not in shown:
            line = process.stdout.readline()
            assert line, f"serve ended: {shown}"
            shown += line
        found = re.search(r"PGPASSWORD=(\S+) psql -h (\S+) -p (\d+) -U (\S+) (\S+)", shown)
        assert found, shown
        password, host, port, user, database = found.groups()
        with psycopg.connect(
            host=host, port=port, user=user, password=password, dbname=database
        ) as connection:
            row = connection.execute("SELECT count(*) FROM members").fetchone()
        assert row is not None
        assert row[0] > 0
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
    deadline = time.monotonic() + 10
    while Path(host).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(host).exists(), "the socket's folder is gone with the server"


def test_a_setting_that_is_wrong_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A13_SEED", "abc")
    for arguments in (("doctor",), ("serve", "."), ("plan", "prd.md")):
        shown = a13(*arguments, cwd=tmp_path)
        assert shown.returncode == 2
        assert "A13_SEED" in shown.stderr
        assert "Traceback" not in shown.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device", "/some/where"), "/some/where: No space left"),
        (ValueError("odd\nand more"), "ValueError: odd"),
    ],
)
def test_an_error_that_nobody_foresaw_is_one_message(
    error: Exception,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(**_: object) -> int:
        raise error

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 1
    shown = capsys.readouterr().err
    assert said in shown
    assert "a13 resume" in shown
    assert "and more" not in shown


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_says_how_to_go_on(number: int, code: int, tmp_path: Path) -> None:
    (tmp_path / "prd.md").write_text(PRD)
    process = subprocess.Popen(
        [sys.executable, "-m", "a13", "run", "prd.md", "--workspace", "out"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "400"},
    )
    assert process.stderr is not None
    assert str(tmp_path.resolve() / "out") in process.stderr.readline()
    while "Design" not in process.stderr.readline():
        pass
    process.send_signal(number)
    rest = process.stderr.read()
    assert process.wait(timeout=60) == code
    assert "a13 resume" in rest
    assert "Traceback" not in rest
