"""The ledger: an append-only file of records, each bound to the one before by its hash.

One line of canonical JSON for each record. `previous` is the SHA-256 of the bytes of the line
before, without its newline. A line that a crash cut off in mid-write is moved aside, and a record
says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import ValidationError

from ..domain.base import canonical_json
from ..domain.evidence import Environment, Outcome, Record, Subject
from ..domain.redaction import find_secrets, redact
from ..errors import EvidenceError
from .workspace import LEDGER, Workspace

TORN = "evidence/torn"  # what a crash cut off, one file for each
LEDGER_STEP = "ledger"  # the step of records about the ledger itself


class _Content(NamedTuple):
    records: tuple[Record, ...]
    head: str
    whole_bytes: int
    torn: bytes


def line_of(record: Record) -> bytes:
    """The one spelling of a record in the file, without the newline."""
    return canonical_json(record.model_dump(mode="json")).encode()


def superseded(records: Iterable[Record]) -> frozenset[str]:
    """The ids of records that a later pass through the same step has replaced."""
    records = tuple(records)
    newest: dict[str, int] = {}
    for record in records:
        newest[record.step] = max(newest.get(record.step, 0), record.attempt)
    return frozenset(record.id for record in records if record.attempt < newest[record.step])


def current(records: Iterable[Record]) -> tuple[Record, ...]:
    """The records that speak for their step: those of its newest pass."""
    records = tuple(records)
    old = superseded(records)
    return tuple(record for record in records if record.id not in old)


class Ledger:
    """The ledger of a workspace. Reading needs nothing; appending needs `Workspace.lock`.

    Opening reads and checks what is there and changes nothing. Raises EvidenceError where a line
    other than the last was edited: nothing may be appended to a broken chain.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        content = self._read()
        self._records = list(content.records)
        self._head = content.head
        self._content = content
        self._mended = False
        self._attempts: dict[str, int] = {}

    def records(self) -> tuple[Record, ...]:
        """All records, in the order they were made."""
        return tuple(self._records)

    def current(self) -> tuple[Record, ...]:
        """The records that no later pass through their step has replaced."""
        return current(self._records)

    def record(self, identifier: str) -> Record:
        """The record with that id. Raises KeyError."""
        for record in self._records:
            if record.id == identifier:
                return record
        raise KeyError(identifier)

    def head(self) -> str:
        """The SHA-256 of the last line, "" for an empty ledger."""
        return self._head

    def begin(self, step: str) -> int:
        """Start a pass through a step and count it, from what the ledger holds.

        Call it first in a node: whatever a pass that was interrupted, or one that failed and is
        tried again, has recorded for the step stays as history, and this pass replaces it.
        """
        passes = [record.attempt for record in self._records if record.step == step]
        self._attempts[step] = max(passes, default=0) + 1
        return self._attempts[step]

    def append(
        self,
        step: str,
        claim: str,
        outcome: Outcome,
        *,
        subjects: Iterable[Subject | str] = (),
        facts: Mapping[str, object] | None = None,
        command: Iterable[str] = (),
        exit_code: int | None = None,
        seconds: float | None = None,
        environment: Environment | None = None,
        log: Subject | None = None,
    ) -> Record:
        """Add a record and wait until the disk has it. Every text is redacted.

        A subject given as a name is hashed as it is now. `facts` carry their unit in the name.
        """
        self._mend()
        return self._append(
            step,
            claim,
            outcome,
            subjects=tuple(
                self._workspace.subject(s) if isinstance(s, str) else s for s in subjects
            ),
            facts=tuple((name, _fact(name, value)) for name, value in (facts or {}).items()),
            command=_command(tuple(command)),
            exit_code=exit_code,
            seconds=None if seconds is None else round(seconds, 6),
            environment=environment,
            log=log,
        )

    def _append(self, step: str, claim: str, outcome: Outcome, **rest: object) -> Record:
        record = Record.model_validate(
            {
                "id": f"E-{len(self._records) + 1:04d}",
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "step": step,
                "claim": _text(claim),
                "outcome": outcome,
                "attempt": self._attempts.get(step) or self._attempt_of(step),
                "previous": self._head,
                **rest,
            }
        )
        line = line_of(record)
        self._workspace.append_line(LEDGER, line)
        self._records.append(record)
        self._head = hashlib.sha256(line).hexdigest()
        return record

    def _attempt_of(self, step: str) -> int:
        return max((r.attempt for r in self._records if r.step == step), default=1)

    def _mend(self) -> None:
        """Move a torn line aside, cut the file there, and record each torn line once.

        A crash between any two of these steps is made good by the next call.
        """
        if self._mended:
            return
        torn = self._content.torn
        if torn:
            digest = hashlib.sha256(torn).hexdigest()
            self._workspace.write(f"{TORN}/{digest[:16]}", torn)
            self._workspace.truncate(LEDGER, self._content.whole_bytes)
        self._mended = True
        known = {s.path for r in self._records if r.step == LEDGER_STEP for s in r.subjects}
        for name in self._workspace.files(TORN):
            if name not in known:
                self._append(
                    LEDGER_STEP,
                    "A record that a crash cut off in mid-write was moved aside",
                    "info",
                    subjects=(self._workspace.subject(name),),
                )

    def _read(self) -> _Content:
        data = self._workspace.read_bytes(LEDGER) if self._workspace.exists(LEDGER) else b""
        lines = data.split(b"\n")
        torn = lines.pop()  # what follows the last newline: nothing, unless it was cut off
        records: list[Record] = []
        head, whole_bytes = "", 0
        for number, line in enumerate(lines, start=1):
            record = _parse(line)
            if record is None and number == len(lines) and not torn:
                torn = line + b"\n"  # the disk kept the line's length but not its content
                break
            expected = f"E-{number:04d}"
            if record is None or record.previous != head or record.id != expected:
                raise EvidenceError(
                    f"{self._workspace.root / LEDGER}, line {number}: the chain is broken.",
                    hint="a13 verify names what was changed; start a new workspace.",
                    line=number,
                )
            records.append(record)
            head = hashlib.sha256(line).hexdigest()
            whole_bytes += len(line) + 1
        return _Content(tuple(records), head, whole_bytes, torn)


def _parse(line: bytes) -> Record | None:
    try:
        return Record.model_validate_json(line)
    except (ValidationError, ValueError):
        return None


def _text(text: str) -> str:
    """Redacted, and without what UTF-8 cannot hold."""
    return redact(text.encode(errors="backslashreplace").decode())


def _fact(name: str, value: object) -> str:
    text = _text(str(value))
    return "[redacted]" if text != "" and find_secrets(f"{name}={text}") else text


def _command(words: tuple[str, ...]) -> tuple[str, ...]:
    """A command without secrets, also where one follows an option such as `--password`."""
    safe: list[str] = []
    before = ""
    for word in words:
        option = before.lstrip("-") if before.startswith("-") and "=" not in before else ""
        hidden = option and find_secrets(f"{option}={word}")
        safe.append("[redacted]" if hidden else _text(word))
        before = word
    return tuple(safe)
