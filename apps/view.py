"""What a terminal shows: live progress, the closing summary, a design, a verification."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ..adapters.display import summary
from ..database.facts import ServerFacts
from ..domain.design import Design
from ..domain.progress import Event
from ..domain.result import RunResult
from ..evidence.verify import Verification
from ..graphs.serve import Served

ACCENT = "#7C3AED"
TITLES = {
    "intake": "Intake",
    "design": "Design",
    "migrate": "Migrate",
    "rollback": "Roll back",
    "optimize": "Optimize",
    "index_tuning": "Tune indexes",
    "manage_data": "Manage data",
    "restore": "Restore",
    "apply": "Apply",
    "document": "Document",
    "acceptance": "Acceptance",
}
MARKS = {
    "passed": ("✓", "green"),
    "failed": ("✗", "red"),
    "not_proved": ("?", "yellow"),
    "info": ("·", "dim"),
}


class Progress:
    """Live progress on standard error: claims that are settled stay, the current step moves.

    Without a terminal it prints one line for each claim.
    """

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self._live: Live | None = None
        self._step = ""
        self._detail = ""
        self._begun = time.monotonic()
        self._lock = threading.Lock()

    def __enter__(self) -> Progress:
        if self.console.is_terminal:
            self._live = Live(
                console=self.console, refresh_per_second=8, transient=True, get_renderable=self._now
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def hear(self, event: Event) -> None:
        """Take one progress event."""
        with self._lock:
            self._step = TITLES.get(event.step, event.step)
            outcome = event.fact("outcome")
            if outcome:
                mark, style = MARKS[outcome]
                line = Text.assemble(
                    (f" {mark} ", style), (f"{self._step:<13}", f"bold {ACCENT}"), event.what
                )
                self.console.print(line, soft_wrap=True, highlight=False)
                self._detail = ""
            else:
                facts = ", ".join(f"{k} {v}" for k, v in event.facts if len(v) < 40)
                self._detail = event.what + (f" ({facts})" if facts else "")

    def _now(self) -> Group:
        elapsed = time.monotonic() - self._begun
        line = Text.assemble(
            (f"{self._step:<13}", f"bold {ACCENT}"),
            (f"{elapsed:5.0f} s  ", "dim"),
            self._detail,
            no_wrap=True,
            overflow="ellipsis",
        )
        return Group(Spinner("dots", text=line, style=ACCENT))


def show_result(result: RunResult) -> None:
    """The closing summary on standard output."""
    Console().print(summary(result))


def show_design(design: Design) -> None:
    """A design as tables: relations with their columns, then what is open."""
    console = Console()
    console.print(
        f"[bold {ACCENT}]{escape(design.title or design.name)}[/]  "
        f"[dim]planner: {escape(design.planner)}[/]"
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("relation", "column", "type", "null", "key", "classification"):
        table.add_column(heading, overflow="fold")
    for relation in design.relations:
        references = {k.columns[0]: k.references for k in relation.foreign_keys if k.columns}
        unique = {column for u in relation.uniques for column in u.columns}
        for position, column in enumerate(relation.columns):
            key = "PK" if column.name in relation.primary_key else ""
            if column.name in references:
                key = f"{key} → {references[column.name]}".strip()
            elif column.name in unique:
                key = f"{key} unique".strip()
            table.add_row(
                f"[bold]{escape(relation.name)}[/]" if position == 0 else "",
                escape(column.name),
                escape(column.type),
                "null" if column.nullable else "",
                escape(key),
                "" if column.classification == "internal" else column.classification,
            )
        table.add_section()
    console.print(table)
    for title, lines in (
        ("Workload", [f"{q.name}: {q.purpose}" for q in design.workload]),
        ("Assumptions", [f"{a.id}: {a.text}" for a in design.assumptions]),
        (
            "Questions",
            [f"{q.id}{' (blocking)' if q.blocking else ''}: {q.text}" for q in design.questions],
        ),
        ("Not understood", [f"line {u.line}: {u.text}" for u in design.unread]),
    ):
        if lines:
            console.print(f"\n[bold]{title}[/] ({len(lines)})")
            for line in lines:
                console.print(f"  {escape(line)}", highlight=False)


def show_served(served: Served) -> None:
    """How to reach a served database."""
    console = Console()
    url = served.url
    host = str(url.query.get("host", url.host or ""))
    console.print(f"[bold {ACCENT}]{escape(str(served.place.root))}[/] is up. Ctrl-C stops it.\n")
    console.print(
        f"  psql:       PGPASSWORD={url.password} psql -h {host} -p {url.port or 5432} "
        f"-U {url.username} {url.database}",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
    console.print(
        f"  SQLAlchemy: {url.render_as_string(hide_password=False)}",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )


def wait_for_interrupt() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    stop = threading.Event()

    def leave(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)
    while not stop.wait(3600):
        pass


def show_verification(verification: Verification) -> None:
    """The verdict on a run's evidence."""
    console = Console()
    if verification.ok:
        console.print(f"[green]✓[/] {verification.records} records, every hash as written.")
        for failure in verification.failures:
            console.print(f"  [red]failed[/] {escape(failure.where)}: {escape(failure.message)}")
        return
    console.print(f"[red]✗[/] {len(verification.problems)} problem(s):")
    for problem in verification.problems:
        console.print(
            f"  [bold]{escape(problem.kind)}[/] {escape(problem.where)}: {escape(problem.message)}"
        )


def show_facts(facts: ServerFacts) -> None:
    """What `a13 doctor` found."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, text in (
        ("PostgreSQL", f"{facts.version} ({facts.origin})" if facts.version else "none"),
        ("programs", facts.bin_dir),
        ("runs as", facts.server_user),
        ("cache", f"{facts.cache_dir} ({facts.cache_size_bytes / 1e6:.0f} MB)"),
        ("start", _milliseconds(facts.start_seconds)),
        ("stop", _milliseconds(facts.stop_seconds)),
        ("extensions", ", ".join(facts.extensions)),
    ):
        table.add_row(f"[dim]{name}[/]", escape(text))
    console = Console()
    console.print(table)
    if facts.problem:
        console.print(f"[red]✗[/] {escape(facts.problem)}")
    else:
        console.print("[green]✓[/] A private server starts.")


def _milliseconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1000:.0f} ms"
