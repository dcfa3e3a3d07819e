"""The ledger is append-only, chained, redacted, and survives a death in mid-write."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from a13.domain.evidence import Environment
from a13.errors import EvidenceError, WorkspaceError
from a13.evidence.ledger import Ledger, superseded
from a13.evidence.workspace import LEDGER, Workspace


def lines(workspace: Workspace) -> list[bytes]:
    return workspace.read_bytes(LEDGER).splitlines()


def test_records_are_chained(workspace: Workspace) -> None:
    ledger = Ledger(workspace)
    assert ledger.head() == "" and ledger.records() == ()
    first = ledger.append("design", "No open error.", "passed")
    second = ledger.append("migrate", "Ran up and down.", "failed", exit_code=1, seconds=0.25)
    raw = lines(workspace)
    assert [first.id, second.id] == ["E-0001", "E-0002"]
    assert first.previous == ""
    assert second.previous == hashlib.sha256(raw[0]).hexdigest()
    assert ledger.head() == hashlib.sha256(raw[1]).hexdigest()
    assert ledger.record("E-0002") == second
    with pytest.raises(KeyError):
        ledger.record("E-0003")


def test_a_line_is_canonical_json(workspace: Workspace) -> None:
    Ledger(workspace).append("design", "Größe", "info", facts={"size_bytes": 3, "p95_ms": 1.5})
    (raw,) = lines(workspace)
    value = json.loads(raw)
    again = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert again.encode() == raw
    assert value["facts"] == [["size_bytes", "3"], ["p95_ms", "1.5"]]


def test_a_ledger_is_continued(workspace: Workspace) -> None:
    Ledger(workspace).append("design", "one", "passed")
    again = Ledger(workspace)
    again.append("design", "two", "passed", environment=Environment(seed=13))
    assert [record.claim for record in Ledger(workspace).records()] == ["one", "two"]
    assert Ledger(workspace).records() == again.records()
    assert Ledger(workspace).head() == again.head()


def test_a_subject_may_be_a_name(workspace: Workspace) -> None:
    subject = workspace.write("docs/a.md", "a")
    record = Ledger(workspace).append("document", "Written.", "passed", subjects=["docs/a.md"])
    assert record.subjects == (subject,)
    with pytest.raises(WorkspaceError, match="missing"):
        Ledger(workspace).append("document", "Written.", "passed", subjects=["docs/none.md"])


def test_no_secret_reaches_the_file(workspace: Workspace) -> None:
    Ledger(workspace).append(
        "migrate",
        "Connected to postgresql://app:hunter2@db/app",
        "passed",
        facts={"password": "hunter2", "url": "postgresql://app:hunter2@db/app", "rows": 3},
        command=["psql", "--password", "hunter2", "--password=hunter2", "-c", "SELECT 1"],
    )
    text = workspace.read(LEDGER)
    assert "hunter2" not in text
    assert "SELECT 1" in text and '["rows","3"]' in text


def test_what_utf8_cannot_hold_is_spelled_out(workspace: Workspace) -> None:
    record = Ledger(workspace).append("design", "bad \ud800 half", "info", facts={"x": "\udfff"})
    assert record.claim == "bad \\ud800 half"
    assert Ledger(workspace).records() == (record,)


def test_a_later_pass_supersedes(workspace: Workspace) -> None:
    ledger = Ledger(workspace)
    ledger.append("design", "fine", "passed")
    assert ledger.begin("migrate") == 1
    failed = ledger.append("migrate", "failed half-way", "failed")
    # The process dies here; a new one runs the node again from its top.
    ledger = Ledger(workspace)
    assert ledger.begin("migrate") == 2
    passed = ledger.append("migrate", "passed", "passed")
    assert (failed.attempt, passed.attempt) == (1, 2)
    assert superseded(ledger.records()) == {failed.id}
    assert [record.claim for record in ledger.current()] == ["fine", "passed"]
    assert len(ledger.records()) == 3


def test_without_begin_a_step_has_one_pass(workspace: Workspace) -> None:
    ledger = Ledger(workspace)
    ledger.append("design", "a", "passed")
    ledger.append("design", "b", "passed")
    assert {record.attempt for record in ledger.records()} == {1}
    assert superseded(ledger.records()) == frozenset()


@pytest.mark.parametrize("keep", [1, 40, -1])
def test_a_torn_line_is_moved_aside(workspace: Workspace, keep: int) -> None:
    ledger = Ledger(workspace)
    ledger.append("design", "one", "passed")
    ledger.append("design", "two", "passed")
    whole, torn = lines(workspace)
    path = workspace.root / LEDGER
    path.write_bytes(whole + b"\n" + torn[:keep])
    ledger = Ledger(workspace)
    assert [record.claim for record in ledger.records()] == ["one"]
    assert path.read_bytes().endswith(torn[:keep])  # reading changes nothing
    ledger.append("design", "three", "passed")
    _, notice, three = ledger.records()
    assert notice.step == "ledger" and "cut off" in notice.claim
    assert workspace.read_bytes(notice.subjects[0].path) == torn[:keep]
    assert three.claim == "three"
    assert Ledger(workspace).records() == ledger.records()


def test_a_last_line_of_zeros_is_moved_aside(workspace: Workspace) -> None:
    Ledger(workspace).append("design", "one", "passed")
    path = workspace.root / LEDGER
    path.write_bytes(path.read_bytes() + b"\0" * 50 + b"\n")
    ledger = Ledger(workspace)
    ledger.append("design", "two", "passed")
    assert [record.step for record in Ledger(workspace).records()] == ["design", "ledger", "design"]


def test_a_death_while_mending_is_mended(workspace: Workspace) -> None:
    ledger = Ledger(workspace)
    ledger.append("design", "one", "passed")
    # Moved aside and cut, but the record of it was not written.
    workspace.write("evidence/torn/0123", b'{"id"')
    Ledger(workspace).append("design", "two", "passed")
    ledger = Ledger(workspace)
    ledger.append("design", "three", "passed")
    assert [record.step for record in ledger.records()].count("ledger") == 1


@pytest.mark.parametrize("edit", ["claim", "cut", "swap", "insert"])
def test_nothing_is_appended_to_a_broken_chain(workspace: Workspace, edit: str) -> None:
    ledger = Ledger(workspace)
    for claim in ("one", "two", "three"):
        ledger.append("design", claim, "failed")
    raw = lines(workspace)
    if edit == "claim":
        raw[1] = raw[1].replace(b"failed", b"passed")
    elif edit == "cut":
        del raw[1]
    elif edit == "swap":
        raw[0], raw[1] = raw[1], raw[0]
    else:
        raw.insert(1, b"null")
    (workspace.root / LEDGER).write_bytes(b"\n".join(raw) + b"\n")
    with pytest.raises(EvidenceError, match=r"line [123]"):
        Ledger(workspace)


WRITER = textwrap.dedent(
    """
    import sys
    from a13.evidence.ledger import Ledger
    from a13.evidence.workspace import Workspace
    workspace = Workspace.open(sys.argv[1])
    with workspace.lock():
        ledger = Ledger(workspace)
        while True:
            ledger.append("optimize", "x" * 500, "passed", facts={"n": len(ledger.records())})
            print(len(ledger.records()), flush=True)
    """
)


def test_records_that_were_reported_survive_a_kill(workspace: Workspace, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(workspace.root)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(20):
            reported = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
    with workspace.lock():
        ledger = Ledger(workspace)
        assert len(ledger.records()) >= reported
        ledger.append("optimize", "again", "passed")
    assert Ledger(workspace).records()[-1].claim == "again"
