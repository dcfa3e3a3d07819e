"""`task-progress.md`: the ledger as a page that a person reads, with the ledger's head pinned.

The page is a pure function of the records and the criteria. Its last line but one holds the hash
of the ledger's last line, so that a cut at the ledger's end is seen, and its last line the hash of
the page itself, so that a box ticked by hand is seen.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

from ..domain.evidence import Criterion, Record, Subject
from ..domain.identifiers import strip_invisible
from .ledger import LEDGER_STEP, Ledger, superseded
from .workspace import LEDGER, PROGRESS, Workspace

# The five steps of the work, and the nodes of the graph that do them.
STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Schema design", ("intake", "design", "clarify")),
    ("Migration management", ("migrate", "rollback")),
    ("Performance optimization", ("optimize", "index_tuning")),
    ("Data management", ("manage_data", "restore")),
    ("Documentation", ("approve", "apply", "document")),
)
ACCEPTANCE = "acceptance"

PAGE_LINE = re.compile(r"^- Page: `([0-9a-f]{64})`", re.MULTILINE)
HEAD_LINE = re.compile(r"^- Head: `([0-9a-f]{64})?` \((\d+) records\)", re.MULTILINE)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_BOXES = {"passed": "[x] ", "failed": "[!] ", "not_proved": "[ ] ", "info": ""}


def write_progress(
    workspace: Workspace,
    ledger: Ledger,
    *,
    criteria: Sequence[Criterion] = (),
    title: str = "",
) -> Subject:
    """Write the page for the ledger as it stands now. Call it after the last record."""
    page = render_progress(ledger.records(), ledger.head(), criteria=criteria, title=title)
    return workspace.write(PROGRESS, page)


def render_progress(
    records: Sequence[Record], head: str, *, criteria: Sequence[Criterion] = (), title: str = ""
) -> str:
    """The page's text. `head` is the hash of the ledger's last line."""
    old = superseded(records)
    now = tuple(record for record in records if record.id not in old)
    lines = [
        f"# Task progress: {inline(title) or 'database'}",
        "",
        "Written by A13 from the records of this run. `[x]` was seen to pass, `[!]` failed, "
        "`[ ]` is not proved. `a13 verify` checks this page, the ledger and every file they name.",
        "",
        *_acceptance(criteria),
        *_steps(now),
        *_history([record for record in records if record.id in old]),
        *_figures(now),
        *_artefacts(records),
        "## Ledger",
        "",
        f"- File: `{LEDGER}`",
        f"- Head: `{head}` ({len(records)} records)",
    ]
    page = "\n".join(lines) + "\n"
    return page + f"- Page: `{page_hash(page)}` (of this page without this line)\n"


def page_hash(page: str) -> str:
    """The hash of the page without the line that holds it."""
    kept = [line for line in page.splitlines(keepends=True) if not PAGE_LINE.match(line)]
    return hashlib.sha256("".join(kept).encode()).hexdigest()


def inline(text: str, limit: int = 400) -> str:
    """A text as one line of Markdown that shows as it stands: no markup, no HTML, no controls."""
    text = " ".join(strip_invisible(text).split())
    text = "".join(c for c in text if c.isprintable())
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", text)


def _acceptance(criteria: Sequence[Criterion]) -> list[str]:
    if not criteria:
        return []
    rows = [
        f"| {inline(c.text)} | **{c.verdict}** | {inline(c.reason)} "
        f"| {', '.join(c.evidence) or '–'} |"
        for c in criteria
    ]
    head = ["| Criterion | Verdict | Why | Evidence |", "|---|---|---|---|"]
    return ["## Acceptance", "", *head, *rows, ""]


def _steps(now: Sequence[Record]) -> list[str]:
    lines = ["## Steps", ""]
    for name, nodes in STEPS:
        mine = [record for record in now if record.step in nodes]
        lines += [f"- {_box_of(mine)}**{name}**", *(f"  {_claim(record)}" for record in mine)]
    known = {node for _, nodes in STEPS for node in nodes}
    rest = [record for record in now if record.step not in known]
    if rest:
        lines += ["", "Beside the steps:", "", *(_claim(record) for record in rest)]
    return [*lines, ""]


def _box_of(records: Sequence[Record]) -> str:
    """A step is ticked where something passed and nothing failed or stayed unproved."""
    outcomes = {record.outcome for record in records}
    if "failed" in outcomes:
        return _BOXES["failed"]
    return _BOXES[
        "passed" if "passed" in outcomes and "not_proved" not in outcomes else "not_proved"
    ]


def _claim(record: Record) -> str:
    return f"- {_BOXES[record.outcome]}{inline(record.claim)} ({record.id})"


def _history(old: Sequence[Record]) -> list[str]:
    if not old:
        return []
    lines = [
        f"- {record.step}, pass {record.attempt}: {inline(record.claim)} "
        f"({record.outcome.replace('_', ' ')}, {record.id})"
        for record in old
    ]
    return ["## History", "", "What later passes through a step have replaced.", "", *lines, ""]


def _figures(now: Iterable[Record]) -> list[str]:
    rows = [
        f"| {inline(record.step)} | {inline(name)} | {value} | {record.id} |"
        for record in now
        if record.step not in (ACCEPTANCE, LEDGER_STEP)
        for name, value in record.facts
        if _NUMBER.fullmatch(value)
    ]
    if not rows:
        return []
    head = ["| Step | Figure | Value | Evidence |", "|---|---|---:|---|"]
    return ["## Measured", "", *head, *rows, ""]


def _artefacts(records: Iterable[Record]) -> list[str]:
    """Each file with its latest hash; a file that only replaced passes name is left out."""
    records = tuple(records)
    old = superseded(records)
    latest = {s.path: (s.sha256, record.id) for record in records for s in record.subjects}
    rows = [
        f"| {inline(path)} | `{sha256}` | {identifier} |"
        for path, (sha256, identifier) in sorted(latest.items())
        if identifier not in old
    ]
    if not rows:
        return []
    return ["## Artefacts", "", "| File | SHA-256 | Evidence |", "|---|---|---|", *rows, ""]
