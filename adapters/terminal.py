"""The closing summary of a run in a terminal: what is to be copied is never cut or folded."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..documents.database_page import PAGE as DATABASE_PAGE
from ..documents.markdown import count
from ..domain.result import RunResult
from .result_view import MARK, STYLE, SlaRow, view

ACCENT = "#7C3AED"


def show_summary(result: RunResult, console: Console) -> None:
    """Print the summary; a line that is longer than the terminal is wide stays one line."""
    console.print(summary(result), crop=False)


def copyable(text: Text) -> Text:
    """The text on a line of its own that is neither wrapped nor cut (print with `crop=False`)."""
    text.no_wrap, text.overflow = True, "ignore"
    return text


class FileLine:
    """A file and what is in it: on one line where both fit, else the words below."""

    def __init__(self, path: str, words: str, width: int) -> None:
        self.path, self.words, self.width = path, words, width

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if 6 + self.width + cell_len(self.words) <= options.max_width:
            path = f"{self.path:<{self.width}}"
            yield copyable(Text.assemble("    ", (path, ACCENT), "  ", (self.words, "dim")))
            return
        yield copyable(Text.assemble("    ", (self.path, ACCENT)))
        yield Padding(Text(self.words, style="dim"), (0, 0, 0, 6))


class Queries:
    """Measured queries as a table; in a narrow terminal each has a second line for its figures."""

    def __init__(self, rows: Sequence[SlaRow]) -> None:
        self.rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        headings = ("", "query", "objective", "p50", "p95", "clients")
        cells = [(_verdict(row), *row[1:6]) for row in self.rows]
        widths = [max(cell_len(row[i]) for row in (headings, *cells)) for i in range(6)]
        wide = 2 + sum(widths) + 2 * 5 <= options.max_width
        if wide:
            yield copyable(Text("  " + _columns(headings, widths), style="dim"))
        for row, (mark, *words) in zip(self.rows, cells, strict=True):
            line = Text.assemble("  ", (f"{mark:<{widths[0]}}", STYLE[row.mood]), "  ")
            if wide:
                yield copyable(line + Text(_columns(words, widths[1:], first=1)))
            else:
                yield copyable(line + Text(row.query))
                yield Padding(Text(_figures(row), style="dim"), (0, 0, 0, widths[0] + 4))
            if row.reason:
                yield Padding(Text(row.reason, style="dim"), (0, 0, 0, widths[0] + 4))


def _verdict(row: SlaRow) -> str:
    return f"{MARK[row.mood]} {row.verdict}"


def _columns(words: Sequence[str], widths: Sequence[int], first: int = 0) -> str:
    """The words in columns; those after the objective are figures and stand at the right."""
    found = []
    for place, (word, width) in enumerate(zip(words, widths, strict=True), start=first):
        fill = " " * (width - cell_len(word))
        found.append(fill + word if place > 2 else word + fill)
    return "  ".join(found)


def _figures(row: SlaRow) -> str:
    """`p95 < 50 ms with 20 clients; p50 1.2 ms, p95 3.4 ms, 20 clients`."""
    goal = "" if row.objective == "–" else f"{row.objective}; "
    if row.p95 == "–":
        return f"{goal}no times"
    clients = "1 client" if row.clients == "1" else f"{row.clients} clients"
    return f"{goal}p50 {row.p50}, p95 {row.p95}, {clients}"


def summary(result: RunResult) -> RenderableType:
    """The closing summary of the CLI: verdicts, times, and the paths to open first."""
    shown = view(result)
    style = STYLE[shown.mood]
    parts: list[RenderableType] = [
        Text.assemble(
            (f"{MARK[shown.mood]} ", f"bold {style}"),
            (shown.title, f"bold {ACCENT}"),
            ("  " + shown.headline, f"bold {style}"),
        )
    ]
    if shown.reason:
        parts.append(Text(f"  {shown.reason}"))
    parts += [Text(f"  {line}", style="dim") for line in (shown.stamp, shown.counts) if line]
    if shown.verdicts:
        grid = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for one in shown.verdicts:
            mark = Text(f"{MARK[one.mood]} {one.verdict}", style=STYLE[one.mood], no_wrap=True)
            evidence = f"  {one.evidence}" if one.evidence else ""
            grid.add_row(mark, Text.assemble(one.text, (f"\n{one.reason}{evidence}", "dim")))
        parts += [Text(""), Padding(grid, (0, 0, 0, 2))]
    if shown.sla:
        parts += [Text(""), Queries(shown.sla)]
        if shown.more_queries:
            parts.append(Text(f"  {shown.more_queries}", style="dim"))
    if shown.plan:
        grid = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for name, text in shown.plan:
            grid.add_row(Text(name, style="dim"), Text(text))
        parts += [Text(""), Padding(grid, (0, 0, 0, 2))]
    if shown.questions:
        parts += [Text(""), Text("  Questions", style="bold")]
        for id, text, default in shown.questions:
            first, *rest = text.split("\n")
            other = (f"  (else: {default})", "dim") if default and not rest else ""
            parts.append(Padding(Text.assemble((id, ACCENT), f"  {first}", other), (0, 0, 0, 2)))
            parts += [Padding(Text(line), (0, 0, 0, 4)) for line in rest]
            if default and rest:
                parts.append(Padding(Text(f"else: {default}", style="dim"), (0, 0, 0, 4)))
    if shown.assumptions:
        words = f"  {count(len(shown.assumptions), 'assumption')}, listed in {DATABASE_PAGE}"
        parts += [Text(""), Text(words, style="dim")]
    parts += [Text(""), copyable(Text(f"  {shown.workspace}", style="bold"))]
    widest = max((len(path) for path, _ in shown.files), default=0)
    for path, words in shown.files:
        parts.append(FileLine(path, words, widest))
    parts += [Text(""), copyable(Text.assemble(("  next  ", "dim"), shown.next_step))]
    return Group(*parts)
