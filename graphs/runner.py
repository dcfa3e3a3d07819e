"""Drives the graph for one workspace: lock, checkpoints, context, start and resume."""

from __future__ import annotations

import json
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import SecretStr

from ..agents.planner import Planner
from ..config import Settings
from ..domain.design import Design
from ..domain.plan import Approval, Budget
from ..domain.progress import Event
from ..domain.redaction import redact
from ..domain.result import RunResult
from ..errors import ConfigError, ThreadError, WorkspaceError
from ..evidence.ledger import Ledger
from ..evidence.workspace import Workspace
from .builder import RECURSION_LIMIT, build_graph
from .context import Cancelled, RunContext
from .outcome import build_result
from .state import GRAPH_VERSION, Reference, State

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

RUN_FILE = ".a13/run.json"
CHECKPOINTS = ".a13/checkpoints.sqlite"


@dataclass
class Runner:
    """Runs the graph in workspaces. One runner may run several workspaces, one after the other
    or in several threads; one workspace runs once at a time (its lock sees to that)."""

    settings: Settings
    planner: Planner
    budget: Budget
    approval: Approval = "ask"
    database_url: SecretStr | None = None
    checkpointer: BaseCheckpointSaver[Any] | None = None
    name: str = "a13_database_engineer"
    _active: dict[str, threading.Event] = field(default_factory=dict)

    def start(
        self,
        given: str | Design,
        *,
        title: str,
        workspace: Path | None = None,
        on_event: Callable[[Event], None] | None = None,
        cancelled: threading.Event | None = None,
    ) -> RunResult:
        """A new run on a PRD's text or a design. Setting `cancelled` stops it.

        Raises WorkspaceError, LockedError, ThreadError.
        """
        run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"
        place = Workspace.create(workspace, name=title, run_id=run_id)
        with place.lock():
            if place.exists(RUN_FILE):
                raise ThreadError(
                    f"{place.root} holds a run already.",
                    hint="Resume it with `a13 resume`, or name another workspace.",
                )
            if isinstance(given, Design):
                subject = place.write("input/design.json", given.model_dump_json(indent=2) + "\n")
            else:
                subject = place.write("input/prd.md", redact(given))
            thread_id = uuid.uuid4().hex
            place.write(
                RUN_FILE,
                json.dumps(
                    {
                        "graph_version": GRAPH_VERSION,
                        "thread_id": thread_id,
                        "name": title,
                        "planner": self.planner.stamp,
                        "user_database": self.database_url is not None,
                        "begun": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                    },
                    indent=2,
                )
                + "\n",
            )
            state = State(
                graph_version=GRAPH_VERSION,
                name=title,
                prd=Reference(path=subject.path, sha256=subject.sha256),
                status="running",
            )
            if on_event is not None:  # first of all: what a resume will have to name
                what = f"The workspace is {place.root}"
                on_event(Event(step="intake", what=what, facts=(("outcome", "info"),)))
            return self._drive(place, thread_id, state, on_event, cancelled)

    def resume(
        self,
        workspace: Path,
        *,
        answers: Mapping[str, str] | None = None,
        approve: bool | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> RunResult:
        """Go on with a run that was killed, cancelled, or waits for answers or an approval.

        A finished run is returned as it is. Raises ThreadError where there is nothing to resume
        or the run belongs to another version of the graph.
        """
        place = Workspace.open(workspace)
        with place.lock():
            about = self.about(place)
            if about.get("user_database") and self.database_url is None:
                # The URL holds a password, so no workspace keeps it.
                raise ConfigError(
                    "This run is for a database of yours, whose URL is not kept.",
                    hint="Name it again: --database-url URL, A13_DATABASE_URL, or database=.",
                )
            thread_id = str(about["thread_id"])
            with self._graph(place) as graph:
                snapshot = graph.get_state(_config(thread_id))
            if not snapshot.values:
                # Killed before the first checkpoint: nothing was done yet, begin at the top.
                given = "input/prd.md" if place.exists("input/prd.md") else "input/design.json"
                subject = place.subject(given)
                first = State(
                    graph_version=GRAPH_VERSION,
                    name=str(about["name"]),
                    prd=Reference(path=subject.path, sha256=subject.sha256),
                    status="running",
                )
                return self._drive(place, thread_id, first, on_event)
            if not snapshot.next:
                if answers or approve is not None:
                    raise ThreadError(
                        "The run is finished; it takes no answers.",
                        hint="Put the answers into the PRD and start a new run.",
                    )
                return build_result(place, snapshot, about, self.planner.stamp)
            if not snapshot.interrupts:
                return self._drive(place, thread_id, None, on_event)
            reply = _reply(snapshot.interrupts[0].value, answers, approve)
            if reply is None:
                return build_result(place, snapshot, about, self.planner.stamp)
            from langgraph.types import Command

            command: Command[Any] = Command(resume={snapshot.interrupts[0].id: reply})
            return self._drive(place, thread_id, command, on_event)

    def cancel(self) -> int:
        """Ask every run of this runner to stop at its next progress event; how many were asked."""
        for event in list(self._active.values()):
            event.set()
        return len(self._active)

    def about(self, place: Workspace) -> dict[str, Any]:
        """The run's own facts. Raises ThreadError for an unknown or an incompatible run."""
        if not place.exists(RUN_FILE):
            raise ThreadError(
                f"There is no run in {place.root}.", hint="Start one with `a13 run PRD`."
            )
        try:
            about = cast(dict[str, Any], json.loads(place.read(RUN_FILE)))
            version = about["graph_version"]
        except (ValueError, KeyError, TypeError) as error:
            raise ThreadError(f"{RUN_FILE} cannot be read: {error}") from error
        if version != GRAPH_VERSION:
            raise ThreadError(
                f"The run was begun by graph version {version}; this is {GRAPH_VERSION}.",
                hint="Resume it with the release of A13 that began it, or start a new run.",
            )
        return about

    def _drive(
        self,
        place: Workspace,
        thread_id: str,
        given: Any,
        on_event: Callable[[Event], None] | None,
        cancelled: threading.Event | None = None,
    ) -> RunResult:
        context = RunContext(
            settings=self.settings,
            workspace=place,
            ledger=Ledger(place),
            planner=self.planner,
            budget=self.budget,
            approval=self.approval,
            database_url=self.database_url,
            on_event=on_event,
            cancelled=cancelled or threading.Event(),
        )
        self._active[thread_id] = context.cancelled
        config = _config(thread_id)
        try:
            with self._graph(place) as graph:
                reason = ""
                try:
                    graph.invoke(given, config, context=context, durability="sync")
                except Cancelled as cancelled:
                    reason = str(cancelled)
                snapshot = graph.get_state(config)
            return build_result(
                place, snapshot, self.about(place), self.planner.stamp, cancelled=reason
            )
        finally:
            self._active.pop(thread_id, None)
            context.close()

    @contextmanager
    def _graph(
        self, place: Workspace
    ) -> Iterator[CompiledStateGraph[State, RunContext, State, State]]:
        if self.checkpointer is not None:
            yield build_graph(self.checkpointer, name=self.name)
            return
        from langgraph.checkpoint.sqlite import SqliteSaver

        connection = sqlite3.connect(place.path(CHECKPOINTS), check_same_thread=False)
        try:
            yield build_graph(SqliteSaver(connection), name=self.name)
        except sqlite3.Error as error:
            raise _checkpoints_fail(place, error) from error
        finally:
            connection.close()


def _config(thread_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread_id}, "recursion_limit": RECURSION_LIMIT}


def _checkpoints_fail(place: Workspace, error: sqlite3.Error) -> WorkspaceError:
    where = place.root / CHECKPOINTS
    damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(
        error, sqlite3.OperationalError
    )
    if damaged:
        hint = "The checkpoints are damaged: put the file back, or start a new run elsewhere."
    else:
        hint = f"See to space and permissions there, then `a13 resume {place.root}`."
    return WorkspaceError(f"{where} cannot be used: {error}.", hint=hint)


def _reply(
    waiting: Mapping[str, Any], answers: Mapping[str, str] | None, approve: bool | None
) -> dict[str, Any] | None:
    """What the interrupt is resumed with; None where the caller has not said it."""
    if waiting["kind"] == "needs_approval":
        if answers:
            raise ThreadError(
                "The run waits for an approval, not for answers.", hint="Approve or reject it."
            )
        if approve is None:
            return None
        return {"approved": approve, "plan": waiting["plan"]}
    if approve is not None:
        raise ThreadError(
            "The run waits for answers, not for an approval.", hint="Give answers: ID=TEXT."
        )
    if not answers:
        return None
    known = [str(question["id"]) for question in waiting["questions"]]
    unknown = [key for key in answers if key not in known]
    if unknown:
        raise ThreadError(
            f"No question has the id {', '.join(unknown)}.", hint=f"Open: {', '.join(known)}."
        )
    return dict(answers)
