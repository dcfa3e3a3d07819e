"""What nodes need and no checkpoint may hold: servers, secrets, the planner, the ledger."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from langgraph.config import get_stream_writer
from pydantic import SecretStr

from ..agents.planner import Planner
from ..config import Settings
from ..database.server import Server
from ..domain.base import Value
from ..domain.design import Design
from ..domain.evidence import Environment, Outcome, Record, Subject
from ..domain.measurement import LoadedRelation
from ..domain.plan import Approval, Budget
from ..domain.progress import Event, Report
from ..errors import A13Error, EvidenceError
from ..evidence.environment import environment
from ..evidence.ledger import Ledger
from ..evidence.workspace import Workspace
from .state import Reference, State

V = TypeVar("V", bound=Value)


class Cancelled(A13Error):
    """The run was cancelled. Resume it to go on where it stood."""


@dataclass
class LoadedDatabase:
    """The database with rows at volume that optimize and index_tuning share within one process."""

    name: str
    design_sha256: str
    revisions: tuple[str, ...]  # the hashes of their files, oldest first
    loaded: tuple[LoadedRelation, ...]


@dataclass
class RunContext:
    """The runtime context of one run in one process. Passed again on every resume.

    `on_event` hears every progress event, synchronously, in the thread that does the work.
    """

    settings: Settings
    workspace: Workspace
    ledger: Ledger
    planner: Planner
    budget: Budget
    approval: Approval = "ask"
    database_url: SecretStr | None = None
    on_event: Callable[[Event], None] | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    loaded: LoadedDatabase | None = None
    _server: Server | None = None

    # -- the scratch server ---------------------------------------------------------------

    def server(self) -> Server:
        """The run's scratch server, started on first use."""
        if self._server is None:
            server = Server(profile="scratch", settings=self.settings)
            server.start()
            self._server = server
        return self._server

    @contextmanager
    def database(self, name: str) -> Iterator[str]:
        """A throwaway database on the scratch server, dropped at the end."""
        server = self.server()
        server.drop_database(name)
        server.create_database(name)
        try:
            yield name
        finally:
            server.drop_database(name)

    def close(self) -> None:
        """Stop the scratch server. Idempotent."""
        if self._server is not None:
            self._server.stop("immediate")
            self._server = None
            self.loaded = None

    # -- progress -------------------------------------------------------------------------

    def reporter(self, step: str) -> Report:
        """The `Report` that a step hands to the rooms below. Raises Cancelled after `cancel()`."""

        def report(what: str, /, **facts: object) -> None:
            event = Event(
                step=step,
                what=what,
                facts=tuple((key, str(value)) for key, value in facts.items()),
            )
            if self.on_event is not None:
                self.on_event(event)
            _stream(event)
            if self.cancelled.is_set():
                raise Cancelled(hint=f"Run `a13 resume {self.workspace.root}`.")

        return report

    def begin(self, step: str) -> Report:
        """Begin a pass through a step: its records replace those of an earlier or interrupted one.

        Returns the step's `Report`.
        """
        self.ledger.begin(step)
        report = self.reporter(step)
        report("step started")
        return report

    # -- evidence -------------------------------------------------------------------------

    def record(
        self,
        step: str,
        claim: str,
        outcome: Outcome,
        *,
        subjects: Sequence[Subject] = (),
        facts: dict[str, object] | None = None,
        command: Sequence[str] = (),
        exit_code: int | None = None,
        seconds: float | None = None,
        log: Subject | None = None,
    ) -> Record:
        """Append to the ledger, with the environment it was seen in."""
        record = self.ledger.append(
            step,
            claim,
            outcome,
            subjects=tuple(subjects),
            facts=facts or {},
            command=tuple(command),
            exit_code=exit_code,
            seconds=seconds,
            environment=self._environment(),
            log=log,
        )
        self.reporter(step)(claim, outcome=outcome, evidence=record.id)
        return record

    def _environment(self) -> Environment:
        server = self._server
        return environment(
            server=f"PostgreSQL {server.version}" if server else "",
            settings_sha256=server.settings_sha256 if server else "",
            seed=self.settings.seed,
        )

    # -- values in the workspace ------------------------------------------------------------

    def save(self, stem: str, value: Value) -> Reference:
        """Write a value as JSON under a name that holds its hash; the reference for the state.

        A node that was killed may have written its value before the checkpoint that would speak
        of it: what the last checkpoint refers to must still be there, as it was.
        """
        text = value.model_dump_json(indent=2) + "\n"
        digest = hashlib.sha256(text.encode()).hexdigest()
        subject = self.workspace.write(f"{stem}.{digest[:12]}.json", text)
        return Reference(path=subject.path, sha256=subject.sha256)

    def save_design(self, design: Design) -> Reference:
        """Keep a design of the run. The one it ends with becomes `design/design.json`."""
        return self.save("design/drafts/design", design)

    def load(self, kind: type[V], reference: Reference) -> V:
        """Read a value back. Raises EvidenceError where the file is not what was written."""
        subject = self.workspace.subject(reference["path"])
        if subject.sha256 != reference["sha256"]:
            raise EvidenceError(
                f"{reference['path']} was changed since the run wrote it.",
                hint="Start a new run, or put the file back.",
            )
        return kind.model_validate_json(self.workspace.read(reference["path"]))

    def save_report(self, state: State, name: str, value: Value) -> dict[str, Reference]:
        """Write a report and return the state's `reports` with it in place."""
        reports = dict(state.get("reports", {}))
        reports[name] = self.save(f"evidence/reports/{name}", value)
        return reports

    def report(self, state: State, name: str, kind: type[V]) -> V | None:
        """The newest report of that name, or None."""
        reference = state.get("reports", {}).get(name)
        return None if reference is None else self.load(kind, reference)

    def design(self, state: State) -> Design:
        """The current design."""
        return self.load(Design, state["design"])


def _stream(event: Event) -> None:
    """Hand the event to whoever streams the graph with `stream_mode="custom"`."""
    try:
        writer = get_stream_writer()
    except RuntimeError:  # not inside a graph
        return
    writer(event.model_dump(mode="json"))


def subject_of(reference: Reference) -> Subject:
    """The ledger's subject for a reference of the state."""
    return Subject(path=reference["path"], sha256=reference["sha256"])
