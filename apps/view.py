"""What a terminal shows: live progress, the closing summary, a design, a verification."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ..adapters.terminal import ACCENT, show_summary
from ..database.facts import ServerFacts
from ..domain.design import Design
from ..domain.progress import Event
from ..domain.result import RunResult
from ..evidence.verify import Verification
from ..graphs.serve import Served

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
                self._detail = ": ".join(filter(None, (event.what, event.fact("detail"))))

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
    show_summary(result, Console())


def show_design(design: Design) -> None:
    """A design: relations with their columns, then what is open."""
    console = Console()
    console.print(
        f"[bold {ACCENT}]{escape(design.title or design.name)}[/]  "
        f"[dim]planner: {escape(design.planner)}[/]"
    )
    for relation in design.relations:
        console.print(Text(f"\n{relation.name}", style="bold"), soft_wrap=True)
        references = {k.columns[0]: k.references for k in relation.foreign_keys if k.columns}
        unique = {column for u in relation.uniques for column in u.columns}
        names = max((len(column.name) for column in relation.columns), default=0)
        types = max((len(column.type) for column in relation.columns), default=0)
        for column in relation.columns:
            notes = [
                "PK" if column.name in relation.primary_key else "",
                f"→ {references[column.name]}" if column.name in references else "",
                "unique" if column.name in unique else "",
                "null" if column.nullable else "",
                "" if column.classification == "internal" else column.classification,
            ]
            line = Text.assemble(
                f"  {column.name:<{names}}  {column.type:<{types}}  ",
                (", ".join(filter(None, notes)), "dim"),
            )
            line.rstrip()
            console.print(line, soft_wrap=True)
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
            for words in lines:
                console.print(Padding(Text(words), (0, 0, 0, 2)))


def show_served(served: Served) -> None:
    """How to reach a served database."""
    console = Console()
    url = served.url
    host = str(url.query.get("host", url.host or ""))
    root = Text(str(served.place.root), style=f"bold {ACCENT}")
    console.print(root, soft_wrap=True)
    console.print("is up. Ctrl-C stops it.\n")
    for name, command in (
        (
            "psql",
            f"PGPASSWORD={url.password} psql -h {host} -p {url.port or 5432} -U {url.username} "
            f"{url.database}",
        ),
        ("SQLAlchemy", url.render_as_string(hide_password=False)),
    ):
        console.print(Text(f"{name}:", style="dim"))
        console.print(Text(command), soft_wrap=True)


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
    # Plain text with soft wraps: a path or an id is never folded.
    console = Console(soft_wrap=True, highlight=False)
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
    console = Console()
    for name, text in (
        ("PostgreSQL", f"{facts.version} ({facts.origin})" if facts.version else "none"),
        ("programs", facts.bin_dir),
        ("runs as", facts.server_user),
        ("cache", f"{facts.cache_dir} ({facts.cache_size_bytes / 1e6:.0f} MB)"),
        ("start", _milliseconds(facts.start_seconds)),
        ("stop", _milliseconds(facts.stop_seconds)),
    ):
        # A path is never folded or cut.
        console.print(Text.assemble((f"{name:<12}", "dim"), text), soft_wrap=True)
    extensions = Table.grid()
    extensions.add_row(Text(f"{'extensions':<12}", style="dim"), ", ".join(facts.extensions))
    console.print(extensions, highlight=False)
    if facts.problem:
        console.print(Text.assemble(("✗ ", "red"), facts.problem), soft_wrap=True)
    else:
        console.print("[green]✓[/] A private server starts.")


def _milliseconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1000:.0f} ms"
