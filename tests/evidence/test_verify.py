"""The verifier names what was edited, cut, failed, stale, missing or never recorded."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from a13.domain.evidence import CRITERIA, Criterion, Record, Subject
from a13.evidence.ledger import Ledger, line_of
from a13.evidence.progress import PAGE_LINE, page_hash, write_progress
from a13.evidence.verify import Problem, verify
from a13.evidence.workspace import LEDGER, PROGRESS, Workspace


@pytest.fixture
def finished(workspace: Workspace) -> Workspace:
    """A workspace as a run leaves it: eight records, one pass replaced, a page."""
    ledger = Ledger(workspace)
    workspace.write("design/design.json", "{}")
    ledger.append("design", "No open error.", "passed", subjects=["design/design.json"])
    ledger.begin("migrate")
    gone = workspace.write("migrations/versions/1_a.py", "broken")
    ledger.append("migrate", "Failed half-way.", "failed", subjects=[gone])
    (workspace.root / gone.path).unlink()
    ledger.begin("migrate")
    workspace.write("migrations/versions/1_b.py", "good")
    log = workspace.write_log("proof.txt", "upgrade, downgrade, upgrade")
    proof = ledger.append(
        "migrate", "Up, down, up.", "passed", subjects=["migrations/versions/1_b.py"], log=log
    )
    ledger.append("optimize", "All SLAs met.", "passed", facts={"p95_ms": 3.5})
    ledger.append("manage_data", "Recovered.", "passed")
    workspace.write("docs/architecture/database.md", "old")
    ledger.append("document", "Written.", "passed", subjects=["docs/architecture/database.md"])
    workspace.write("docs/architecture/database.md", "new")
    ledger.append("document", "Again.", "passed", subjects=["docs/architecture/database.md"])
    ledger.append("acceptance", "Not drilled.", "not_proved")
    criteria = [
        Criterion(id=key, text=text, verdict="met", reason="seen", evidence=(proof.id,))
        for key, text in CRITERIA
    ]
    write_progress(workspace, ledger, criteria=criteria, title="Shop")
    return workspace


def kinds(workspace: Workspace) -> set[str]:
    return {problem.kind for problem in verify(workspace.root).problems}


def only(workspace: Workspace) -> Problem:
    (problem,) = verify(workspace.root).problems
    return problem


def edit_ledger(workspace: Workspace, change: object) -> None:
    path = workspace.root / LEDGER
    lines = path.read_bytes().splitlines()
    change(lines)  # type: ignore[operator]
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def edit_page(workspace: Workspace, old: str, new: str, *, reseal: bool = False) -> None:
    page = workspace.read(PROGRESS)
    assert old in page
    page = page.replace(old, new, 1)
    if reseal:
        page = PAGE_LINE.sub(f"- Page: `{page_hash(page)}`", page)
    workspace.write(PROGRESS, page)


def test_a_finished_workspace_holds(finished: Workspace) -> None:
    result = verify(finished.root)
    assert result.ok and result.problems == () and result.failures == ()
    assert result.records == 8 and result.head == Ledger(finished).head()
    assert verify(str(finished.root)) == result


def test_an_edited_line_is_named(finished: Workspace) -> None:
    def change(lines: list[bytes]) -> None:
        lines[3] = lines[3].replace(b"3.5", b"1.5")

    edit_ledger(finished, change)
    assert only(finished).kind == "edited" and only(finished).where == f"{LEDGER}, line 4"


def test_an_edited_last_line_is_named(finished: Workspace) -> None:
    def change(lines: list[bytes]) -> None:
        lines[7] = lines[7].replace(b"Not drilled", b"All drilled")

    edit_ledger(finished, change)
    assert only(finished).kind == "edited" and only(finished).where == f"{LEDGER}, line 8"


def test_a_cut_in_the_middle_is_named(finished: Workspace) -> None:
    edit_ledger(finished, lambda lines: lines.__delitem__(slice(3, 5)))
    problem, *others = verify(finished.root).problems
    assert problem.kind == "cut" and problem.where == f"{LEDGER}, line 4"
    assert "E-0004 to E-0005" in problem.message
    assert {other.where.split(",")[0] for other in others} == {PROGRESS}  # ticks without records


def test_a_cut_tail_is_named(finished: Workspace) -> None:
    edit_ledger(finished, lambda lines: lines.__delitem__(slice(7, 8)))
    problem = only(finished)
    assert problem.kind == "cut" and "1 record" in problem.message


def test_a_torn_line_is_named(finished: Workspace) -> None:
    path = finished.root / LEDGER
    path.write_bytes(path.read_bytes() + b'{"id":"E-00')
    assert only(finished).kind == "cut" and only(finished).where == f"{LEDGER}, line 9"


@pytest.mark.parametrize("line", [b"", b"null", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, b"NaN"])
def test_a_line_of_garbage_is_named(finished: Workspace, line: bytes) -> None:
    edit_ledger(finished, lambda lines: lines.__setitem__(2, line))
    found = {(problem.kind, problem.where) for problem in verify(finished.root).problems}
    assert ("edited", f"{LEDGER}, line 3") in found


def test_swapped_and_repeated_lines_are_named(finished: Workspace) -> None:
    edit_ledger(finished, lambda lines: lines.insert(2, lines[1]))
    assert "edited" in kinds(finished)


def test_a_ledger_written_anew_does_not_match_the_pin(finished: Workspace) -> None:
    """Whoever recomputes the whole chain still does not hit the pinned head."""

    def change(lines: list[bytes]) -> None:
        previous = ""
        import hashlib

        for number, line in enumerate(lines):
            record = Record.model_validate_json(line)
            lines[number] = line_of(
                record.model_copy(update={"previous": previous, "outcome": "passed"})
            )
            previous = hashlib.sha256(lines[number]).hexdigest()

    edit_ledger(finished, change)
    problems = [p for p in verify(finished.root).problems if p.kind == "edited"]
    assert [problem.where for problem in problems] == [f"{LEDGER}, line 8"]


def test_records_after_the_page_make_it_stale(finished: Workspace) -> None:
    Ledger(finished).append("document", "One more.", "passed")
    assert only(finished).kind == "stale" and "1 record" in only(finished).message


def test_a_changed_artefact_is_stale(finished: Workspace) -> None:
    finished.write("docs/architecture/database.md", "touched up by hand")
    problem = only(finished)
    assert (problem.kind, problem.where) == ("stale", "docs/architecture/database.md")
    assert "E-0007" in problem.message


def test_an_older_version_put_back_is_stale(finished: Workspace) -> None:
    finished.write("docs/architecture/database.md", "old")  # the hash of E-0006, not of E-0007
    assert only(finished).kind == "stale"


def test_a_changed_log_is_stale(finished: Workspace) -> None:
    finished.write("evidence/logs/proof.txt", "all good")
    assert only(finished).kind == "stale"


def test_a_missing_artefact_is_named(finished: Workspace) -> None:
    (finished.root / "design/design.json").unlink()
    problem = only(finished)
    assert (problem.kind, problem.where) == ("missing", "design/design.json")
    assert "E-0001" in problem.message


@pytest.mark.parametrize("name", ["docs/extra.md", "migrations/versions/2_evil.py"])
def test_a_file_without_a_record_is_named(finished: Workspace, name: str) -> None:
    finished.write(name, "who wrote this?")
    assert only(finished).kind == "unrecorded" and only(finished).where == name


def test_an_artefact_that_became_a_link_is_named(finished: Workspace, tmp_path: Path) -> None:
    (tmp_path / "else").write_text("{}")
    (finished.root / "design/design.json").unlink()
    (finished.root / "design/design.json").symlink_to(tmp_path / "else")
    assert only(finished).kind == "unreadable"


def test_a_record_cannot_make_the_verifier_read_elsewhere(finished: Workspace) -> None:
    ledger = Ledger(finished)
    ledger.append("design", "x", "passed", subjects=[Subject(path="../../etc/passwd", sha256="0")])
    write_progress(finished, ledger)
    assert only(finished).kind == "edited" and only(finished).where == "E-0009"


def test_an_open_failure_is_named_and_a_replaced_one_is_not(finished: Workspace) -> None:
    ledger = Ledger(finished)
    failed = ledger.append("optimize", "An SLA was missed.", "failed")
    write_progress(finished, ledger, title="Shop")
    result = verify(finished.root)
    assert result.ok and result.problems == ()
    assert [(p.kind, p.where) for p in result.failures] == [("failed", failed.id)]
    ledger.begin("optimize")
    ledger.append("optimize", "All SLAs met.", "passed")
    write_progress(finished, ledger, title="Shop")
    assert verify(finished.root).ok and verify(finished.root).failures == ()


def test_a_box_ticked_by_hand_is_named(finished: Workspace) -> None:
    edit_page(finished, "- [ ] Not drilled.", "- [x] Not drilled.")
    assert kinds(finished) == {"edited", "failed"}


def test_a_ticked_box_over_a_failed_record_is_named_though_the_page_is_sealed(
    finished: Workspace,
) -> None:
    edit_page(finished, "- [ ] Not drilled.", "- [x] Not drilled.", reseal=True)
    problem = only(finished)
    assert problem.kind == "failed" and "E-0008" in problem.message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("| **met** | seen | E-0003 |", "| **met** | seen | – |"),
        ("| **met** | seen | E-0003 |", "| **met** | seen | E-0999 |"),
        ("| **met** | seen | E-0003 |", "| **met** | seen | E-0002 |"),
        ("All SLAs met. (E-0004)", "All SLAs met."),
        ("All SLAs met. (E-0004)", "All SLAs met. (E-0002)"),
    ],
)
def test_a_claim_without_proof_is_named(finished: Workspace, old: str, new: str) -> None:
    edit_page(finished, old, new, reseal=True)
    assert kinds(finished) == {"failed"}


def test_a_page_without_its_pin_is_named(finished: Workspace) -> None:
    finished.write(PROGRESS, "# All done\n")
    assert only(finished).kind == "edited"
    (finished.root / PROGRESS).unlink()
    assert only(finished).kind == "missing" and "pinned nowhere" in only(finished).message


def test_nothing_at_all(tmp_path: Path) -> None:
    assert verify(tmp_path / "none").problems[0].kind == "missing"
    assert not verify(tmp_path).ok
    (tmp_path / "evidence").mkdir()
    (tmp_path / LEDGER).write_bytes(b"")
    assert {p.kind for p in verify(tmp_path).problems} == {"cut", "missing"}
    (tmp_path / "file").write_text("x")
    assert not verify(tmp_path / "file").ok


def test_a_read_only_workspace_is_verified(finished: Workspace) -> None:
    for folder, _, names in os.walk(finished.root):
        for name in names:
            (Path(folder) / name).chmod(0o444)
        Path(folder).chmod(0o555)
    before = {p: p.stat().st_mtime_ns for p in finished.root.rglob("*")}
    assert verify(finished.root).ok
    assert {p: p.stat().st_mtime_ns for p in finished.root.rglob("*")} == before


def test_garbage_never_crashes_it(finished: Workspace) -> None:
    """Random damage to random files of the workspace, seeded."""
    source = random.Random(13)
    original = {name: finished.read_bytes(name) for name in finished.files()}
    names = [LEDGER, PROGRESS, "docs/architecture/database.md"]
    for _ in range(120):
        name = source.choice(names)
        data = bytearray(original[name])
        for _ in range(source.randint(1, 4)):
            at = source.randrange(len(data)) if data else 0
            if data and source.random() < 0.5:
                data[at] = source.randrange(256)
            else:
                del data[at : at + source.randint(1, 80)]
        if bytes(data) == original[name]:
            continue
        finished.write(name, bytes(data))
        assert not verify(finished.root).ok, bytes(data)
        finished.write(name, original[name])
    shutil.rmtree(finished.root / "docs")
    (finished.root / "docs").write_text("a file")
    assert not verify(finished.root).ok
