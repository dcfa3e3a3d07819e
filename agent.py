"""A13Agent: the front door. `A13Agent().run(prd)` returns an `A13Result`."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr, SecretStr

from .agents.input import as_path, parse_design, read_design, read_prd, title_of
from .agents.planner import Planner
from .agents.select import select_planner
from .config import Settings
from .domain.design import Design
from .domain.plan import Approval, Budget
from .domain.progress import Event
from .domain.result import RunResult
from .errors import A13Error, ConfigError

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph
    from sqlalchemy import Engine

    from .graphs.runner import Runner
    from .graphs.serve import Served

Prd = str | Path | Design | Mapping[str, Any]
DEFAULT_NAME = "a13_database_engineer"
APPROVALS: tuple[Approval, ...] = ("ask", "never", "always")


class A13Result(RunResult):
    """A `RunResult` that shows itself and can bring its database up again."""

    _served: Served | None = PrivateAttr(default=None)
    _settings: Settings | None = PrivateAttr(default=None)

    def connect(self) -> Engine:
        """An SQLAlchemy engine on the finished database, with its seed data.

        The database is built anew from the revisions on a private server, which stops at
        `close()`, at the end of a `with` block, or with this process.
        """
        if self._served is None:
            from .graphs.serve import Served

            self._served = Served(Path(self.workspace), self._settings or Settings())
            self._served.start()
        return self._served.engine()

    def close(self) -> None:
        """Stop the server that `connect()` started. Idempotent."""
        if self._served is not None:
            self._served.stop()
            self._served = None

    def __enter__(self) -> A13Result:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        from .adapters.display import to_text

        return to_text(self)

    __str__ = __repr__

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Text, Markdown and self-contained HTML, for notebooks."""
        from .adapters.display import to_html, to_markdown, to_text

        return {
            "text/plain": to_text(self),
            "text/markdown": to_markdown(self),
            "text/html": to_html(self),
        }


class A13Agent:
    """An LLM database engineer: reads a PRD, returns a proved PostgreSQL database.

    `model`: None for the offline rules planner, or an object with the methods of
    `agents.planner.Planner`; the setting `A13_MODEL` is the default. `database`: URL of a user's
    own PostgreSQL that gets the schema after an approval; everything that tests or destroys runs
    on A13's own server. `workspace`: the run's folder (default `a13-runs/<name>-<run id>`).
    `checkpointer`: any LangGraph checkpointer (default: SQLite in the workspace). `approval`:
    "ask" interrupts before a user's database is written, "never" only plans, "always" applies.
    `budget`: loops and rows a run may spend.

    Raises ConfigError for arguments that make no sense.
    """

    def __init__(
        self,
        model: str | Planner | None = None,
        *,
        database: str | None = None,
        workspace: str | Path | None = None,
        checkpointer: BaseCheckpointSaver[Any] | None = None,
        approval: Approval = "ask",
        budget: Budget | None = None,
        settings: Settings | None = None,
        name: str = DEFAULT_NAME,
    ) -> None:
        if approval not in APPROVALS:
            raise ConfigError(
                f"approval={approval!r} is unknown.", hint=f"Use one of {', '.join(APPROVALS)}."
            )
        self.settings = settings or Settings()
        self.name = name
        self.workspace = None if workspace is None else Path(workspace)
        self.planner: Planner = select_planner(model if model is not None else self.settings.model)
        self._database = SecretStr(database) if database else self.settings.database_url
        if self._database is not None:
            from .database.connections import database_url

            database_url(self._database.get_secret_value())  # refuses what is no URL, at once
        self._checkpointer = checkpointer
        self._approval: Approval = approval
        self._budget = budget or Budget()
        self._runner: Runner | None = None

    # -- the main job -------------------------------------------------------------------------

    def run(
        self,
        prd: Prd,
        *,
        workspace: str | Path | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> A13Result:
        """Run all five steps on a PRD: Markdown text, a path, or a structured design.

        `on_event` hears live progress, synchronously. Works inside a running event loop. Raises
        InputError, WorkspaceError, ServerError and their kin; what the database refused or
        missed is in the result.
        """
        return self._start(prd, workspace, on_event, threading.Event())

    def resume(
        self,
        workspace: str | Path,
        *,
        answers: Mapping[str, str] | None = None,
        approve: bool | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> A13Result:
        """Go on with a run: after a kill, a cancel, or with answers or an approval."""
        return self._result(
            self._run().resume(Path(workspace), answers=answers, approve=approve, on_event=on_event)
        )

    def stream(
        self, prd: Prd, *, workspace: str | Path | None = None
    ) -> Iterator[Event | A13Result]:
        """Progress events as they happen, and the result as the last item.

        Closing the iterator early cancels the run; it can be resumed.
        """
        items: queue.SimpleQueue[Event | A13Result | BaseException] = queue.SimpleQueue()
        cancelled = threading.Event()

        def work() -> None:
            try:
                items.put(self._start(prd, workspace, items.put, cancelled))
            except BaseException as error:  # handed over to the consumer's thread, whatever it is
                items.put(error)

        thread = threading.Thread(target=work, name="a13-stream", daemon=True)
        thread.start()
        try:
            while True:
                item = items.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
                if isinstance(item, A13Result):
                    return
        finally:
            cancelled.set()
            thread.join()

    async def arun(
        self,
        prd: Prd,
        *,
        workspace: str | Path | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> A13Result:
        """`run` in a worker thread, so that the event loop stays free.

        Cancelling the task cancels the run, which can be resumed.
        """
        cancelled = threading.Event()
        work = asyncio.ensure_future(
            asyncio.to_thread(self._start, prd, workspace, on_event, cancelled)
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            cancelled.set()
            with suppress(A13Error):
                await work
            raise

    async def astream(
        self, prd: Prd, *, workspace: str | Path | None = None
    ) -> AsyncIterator[Event | A13Result]:
        """`stream` for an event loop."""
        loop = asyncio.get_running_loop()
        items: asyncio.Queue[Event] = asyncio.Queue()

        def listen(event: Event) -> None:
            loop.call_soon_threadsafe(items.put_nowait, event)

        work = asyncio.ensure_future(self.arun(prd, workspace=workspace, on_event=listen))
        try:
            while not work.done() or not items.empty():
                event = asyncio.ensure_future(items.get())
                await asyncio.wait({event, work}, return_when=asyncio.FIRST_COMPLETED)
                if event.done():
                    yield event.result()
                else:
                    event.cancel()
            yield await work
        finally:
            if not work.done():
                work.cancel()
                with suppress(asyncio.CancelledError):
                    await work

    def plan(self, prd: Prd) -> Design:
        """The design that the planner proposes: no server, no files."""
        from .domain.redaction import redact

        given, title = self._given(prd)
        if isinstance(given, Design):
            return given
        design = self.planner.propose(redact(given), name=title).design
        return design.model_copy(update={"planner": self.planner.stamp})

    def cancel(self) -> int:
        """Stop this agent's runs at their next progress event; how many were asked.

        A cancelled run comes back with status "failed" and can be resumed.
        """
        return self._run().cancel()

    # -- doors for others ---------------------------------------------------------------------

    @property
    def graph(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        """The compiled LangGraph state machine, without a checkpointer (to look at or to draw)."""
        from .graphs.builder import build_graph

        return build_graph(name=self.name)

    def as_tool(self) -> BaseTool:
        """A LangChain tool for orchestrator agents: content is a summary, artifact the result."""
        from .adapters.tool import make_tool

        return make_tool(self.run, self.resume, name=self.name)

    def as_subagent(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        """A graph with `messages` in and out, for a LangGraph supervisor or a parent graph."""
        from .adapters.subagent import make_subagent

        return make_subagent(self.run, name=self.name)

    # -- inside -------------------------------------------------------------------------------

    def _start(
        self,
        prd: Prd,
        workspace: str | Path | None,
        on_event: Callable[[Event], None] | None,
        cancelled: threading.Event,
    ) -> A13Result:
        given, title = self._given(prd)
        place = Path(workspace) if workspace is not None else self.workspace
        return self._result(
            self._run().start(
                given, title=title, workspace=place, on_event=on_event, cancelled=cancelled
            )
        )

    def _given(self, prd: Prd) -> tuple[str | Design, str]:
        if isinstance(prd, Design | Mapping):
            design = read_design(prd)
            return design, design.name
        path = as_path(prd) if isinstance(prd, str) else prd
        text = read_prd(path or prd, max_bytes=self.settings.max_prd_bytes)
        if path is not None and path.suffix.lower() == ".json":
            design = parse_design(text, name=path.name)
            return design, design.name
        return text, title_of(text, fallback=path.stem if path else "prd")

    def _run(self) -> Runner:
        if self._runner is None:
            from .graphs.runner import Runner

            self._runner = Runner(
                settings=self.settings,
                planner=self.planner,
                budget=self._budget,
                approval=self._approval,
                database_url=self._database,
                checkpointer=self._checkpointer,
                name=self.name,
            )
        return self._runner

    def _result(self, result: RunResult) -> A13Result:
        shown = A13Result.model_validate(result, from_attributes=True)
        shown._settings = self.settings
        return shown
