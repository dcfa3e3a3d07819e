"""The verifier: recomputes everything a workspace claims, reading only.

It names what was edited, cut, failed or stale, what is missing, and what no record speaks of.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from ..domain.base import Value
from ..domain.evidence import Record, Subject
from ..errors import WorkspaceError
from .ledger import superseded
from .progress import HEAD_LINE, PAGE_LINE, page_hash
from .workspace import DOCS, LEDGER, MIGRATIONS, PROGRESS, Workspace, safe_parts

Kind = Literal["edited", "cut", "failed", "stale", "missing", "unrecorded", "unreadable"]


class Problem(Value):
    """One thing that does not hold: its kind, where (a file, a line, a record), a sentence."""

    kind: Kind
    where: str
    message: str


class Verification(Value):
    """What the verifier found.

    `ok` says that the evidence holds. A run may honestly have failed: `failures` names the failed
    records that no later pass has replaced, and they are no fault of the evidence. A ticked box
    or a met criterion over such a record is one, and stands among the `problems`.
    """

    ok: bool
    records: int
    head: str
    problems: tuple[Problem, ...] = ()
    failures: tuple[Problem, ...] = ()


_BOX = re.compile(r"^\s*- \[(.)\] (.*)$")
_IDS = re.compile(r"\bE-\d{4,}\b")
_TRAILING_IDS = re.compile(r"\((E-\d{4,}(?:, E-\d{4,})*)\)\s*$")
_MET_ROW = re.compile(r"^\|.*\| \*\*met\*\* \|.*\|([^|]*)\|\s*$")


def verify(workspace: Path | str) -> Verification:
    """Check the workspace at that path; nothing is written, garbage is a problem and no error."""
    root = Path(workspace)
    if not root.is_dir():
        problem = Problem(kind="missing", where=str(root), message="There is no such folder.")
        return Verification(ok=False, records=0, head="", problems=(problem,))
    place = Workspace(root.resolve())
    data, problems = _read(place, LEDGER)
    lines = (data or b"").split(b"\n")
    torn = lines.pop()
    if torn:
        message = "The last line was cut off in mid-write; the next run moves it aside."
        problems.append(Problem(kind="cut", where=_line(len(lines) + 1), message=message))
    if data is not None and not lines:
        problems.append(Problem(kind="cut", where=LEDGER, message="It holds no record."))
    records: dict[int, Record] = {}
    for number, line in enumerate(lines, start=1):
        record = _parse(line)
        if record is None:
            problems.append(_edited(_line(number), "This line is not a record."))
        else:
            records[number] = record
    hashes = [hashlib.sha256(line).hexdigest() for line in lines]
    problems += _chain(records, hashes)
    known = tuple(records.values())
    problems += _subjects(place, known)
    problems += _unrecorded(place, known)
    if data is not None:
        problems += _progress(place, known, hashes)
    head = hashes[-1] if hashes else ""
    return Verification(
        ok=not problems,
        records=len(lines),
        head=head,
        problems=tuple(problems),
        failures=tuple(_failures(known)),
    )


def _line(number: int) -> str:
    return f"{LEDGER}, line {number}"


def _edited(where: str, message: str) -> Problem:
    return Problem(kind="edited", where=where, message=message)


def _parse(line: bytes) -> Record | None:
    try:
        return Record.model_validate_json(line)
    except (ValidationError, ValueError, RecursionError):
        return None


def _read(place: Workspace, name: str) -> tuple[bytes | None, list[Problem]]:
    try:
        return place.read_bytes(name), []
    except WorkspaceError as error:
        missing = "missing" in error.message
        kind: Kind = "missing" if missing else "unreadable"
        message = "The file is missing." if missing else error.message
        return None, [Problem(kind=kind, where=name, message=message)]
    except (OSError, ValueError) as error:
        return None, [Problem(kind="unreadable", where=name, message=type(error).__name__)]


def _chain(records: dict[int, Record], hashes: list[str]) -> Iterator[Problem]:
    """Ids count up from one and each record holds the hash of the line before it."""
    before = 0  # the number of the record before
    for line in range(1, len(hashes) + 1):
        record = records.get(line)
        if record is None:
            before += 1
            continue
        digits = record.id.removeprefix("E-")
        number = int(digits) if re.fullmatch(r"\d{4,12}", digits) else -1
        if number > before + 1:
            gone = f"E-{before + 1:04d}"
            gone += "" if number == before + 2 else f" to E-{number - 1:04d}"
            yield Problem(kind="cut", where=_line(line), message=f"Before it, {gone} was cut out.")
        elif number != before + 1:
            message = f"{record.id!r} stands where E-{before + 1:04d} is due."
            yield _edited(_line(line), message)
        elif line == 1 and record.previous:
            yield _edited(_line(1), "The first record names a record before it.")
        elif line > 1 and record.previous != hashes[line - 2]:
            message = f"It is not the line that {record.id} on line {line} was chained to."
            yield _edited(_line(line - 1), message)
        before = max(number, before + 1)


def _failures(records: tuple[Record, ...]) -> Iterator[Problem]:
    """Failed records that no later pass through their step has replaced."""
    old = superseded(records)
    for record in records:
        if record.outcome == "failed" and record.id not in old:
            message = f"{record.step}: {record.claim}"
            yield Problem(kind="failed", where=record.id, message=message)


def _subjects(place: Workspace, records: tuple[Record, ...]) -> Iterator[Problem]:
    """Each file and log is what the latest record that names it says."""
    old = superseded(records)
    latest: dict[str, tuple[Subject, Record]] = {}
    for record in records:
        for subject in (*record.subjects, *((record.log,) if record.log else ())):
            latest[subject.path] = (subject, record)
    for path, (subject, record) in sorted(latest.items()):
        try:
            safe_parts(path)
        except WorkspaceError as error:
            yield _edited(record.id, error.message)
            continue
        data, problems = _read(place, path)
        if data is not None:
            if hashlib.sha256(data).hexdigest() != subject.sha256:
                message = f"It is not the file that {record.id}, the latest record of it, saw."
                yield Problem(kind="stale", where=path, message=message)
            continue
        # What a failed or replaced pass had written may have been taken back since.
        taken_back = record.id in old or record.outcome == "failed"
        for problem in problems:
            if not (taken_back and problem.kind == "missing"):
                yield problem.model_copy(
                    update={"message": f"{problem.message} {record.id} speaks of it."}
                )


def _unrecorded(place: Workspace, records: tuple[Record, ...]) -> Iterator[Problem]:
    """Documents and revisions that no record speaks of."""
    recorded = {subject.path for record in records for subject in record.subjects}
    versions = f"{MIGRATIONS}/versions"
    for folder, ending in ((DOCS, ""), (versions, ".py")):
        try:
            names = place.files(folder)
        except WorkspaceError as error:
            yield Problem(kind="unreadable", where=folder, message=error.message)
            continue
        for name in names:
            if name.endswith(ending) and name not in recorded:
                yield Problem(kind="unrecorded", where=name, message="No record speaks of it.")


def _progress(
    place: Workspace, records: tuple[Record, ...], hashes: list[str]
) -> Iterator[Problem]:
    """The page pins the ledger's head, is as it was written, and ticks only what passed."""
    data, problems = _read(place, PROGRESS)
    if data is None:
        yield from (
            p.model_copy(update={"message": f"{p.message} The ledger's head is pinned nowhere."})
            for p in problems
        )
        return
    page = data.decode(errors="replace")
    pinned, hashed = HEAD_LINE.search(page), PAGE_LINE.search(page)
    if pinned is None or hashed is None:
        yield _edited(PROGRESS, "The lines that pin the ledger's head and the page are gone.")
    else:
        if page_hash(page) != hashed[1]:
            yield _edited(PROGRESS, "The page is not as it was written.")
        yield from _head(pinned[1] or "", int(pinned[2][:9]), hashes)
    yield from _ticks(page, records)


def _head(pinned: str, count: int, hashes: list[str]) -> Iterator[Problem]:
    if pinned == (hashes[-1] if hashes else ""):
        return
    if pinned in hashes:
        newer = len(hashes) - hashes.index(pinned) - 1
        message = f"The ledger has gone on by {newer} record(s) since the page was written."
        yield Problem(kind="stale", where=PROGRESS, message=message)
    elif count > len(hashes):
        message = f"{count - len(hashes)} record(s) were cut from the end ({PROGRESS} pins more)."
        yield Problem(kind="cut", where=LEDGER, message=message)
    elif count == len(hashes):
        yield _edited(_line(count), f"It is not the record that {PROGRESS} pins as the last.")
    else:
        yield _edited(LEDGER, f"The record that {PROGRESS} pins as the last is not in it.")


def _ticks(page: str, records: tuple[Record, ...]) -> Iterator[Problem]:
    """A ticked box or a met criterion needs records, and none that failed."""
    outcomes = {record.id: record.outcome for record in records}
    step = ""  # the ticked step that the lines below belong to
    for number, line in enumerate(page.splitlines(), start=1):
        where = f"{PROGRESS}, line {number}"
        box, row = _BOX.match(line), _MET_ROW.match(line)
        if line.startswith("#"):
            step = ""
        if box is not None and box[2].startswith("**"):
            step = box[2] if box[1] in "xX" else ""
        elif box is not None:
            trailing = _TRAILING_IDS.search(line)
            ids = _IDS.findall(trailing[1]) if trailing else []
            if box[1] in "xX":
                yield from _unsupported(where, "A ticked box", ids, outcomes)
            elif step and line.startswith(" ") and box[1] == "!":
                message = f"The ticked step {step} holds a claim that failed."
                yield Problem(kind="failed", where=where, message=message)
        elif row is not None:
            yield from _unsupported(where, "A met criterion", _IDS.findall(row[1]), outcomes)


def _unsupported(
    where: str, what: str, ids: list[str], outcomes: Mapping[str, str]
) -> Iterator[Problem]:
    if not ids:
        yield Problem(kind="failed", where=where, message=f"{what} names no record.")
    for identifier in ids:
        outcome = outcomes.get(identifier)
        if outcome is None:
            message = f"{what} names {identifier}, which is not in the ledger."
            yield Problem(kind="failed", where=where, message=message)
        elif outcome == "failed" or (outcome == "not_proved" and what == "A ticked box"):
            words = outcome.replace("_", " ")
            message = f"{what} stands over {identifier}, which says {words}."
            yield Problem(kind="failed", where=where, message=message)
