"""The state of a run: small, JSON-able, values and references only.

Whatever is large (a design, a report) lies in the workspace; the state holds its path and hash.
"""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

# Part of every checkpoint: a graph whose nodes changed refuses to resume an older run.
GRAPH_VERSION = "1"

Status = Literal["running", "completed", "needs_input", "needs_approval", "failed"]


class Reference(TypedDict):
    """A file of the workspace: relative path and sha256."""

    path: str
    sha256: str


class State(TypedDict, total=False):
    """What LangGraph checkpoints after each step."""

    graph_version: str
    """`GRAPH_VERSION` of the graph that began the run."""
    name: str
    """Fallback name of the design."""
    prd: Reference
    """The PRD (redacted) or the structured design that was given."""
    design: Reference
    """The current design."""
    usage: dict[str, int]
    """Model calls and tokens so far."""
    answers: dict[str, str]
    """A person's answers by the question's text."""
    counters: dict[str, int]
    """Loop counters by budget name: design_repairs, migration_repairs, tuning_rounds, restores."""
    findings: list[dict[str, Any]]
    """Open findings of the last design check that the planner must answer."""
    failure: dict[str, Any] | None
    """The failure that the next node must deal with."""
    proved: list[str]
    """Revision ids that passed the proof, oldest first."""
    reports: dict[str, Reference]
    """Reports by name: the newest of each."""
    evidence: dict[str, str]
    """Ledger ids by what they show: design, proof, probes, performance, …: the newest of each."""
    documents: list[Reference]
    """Documents that the run wrote."""
    advice: list[str]
    """What would help where index tuning did not."""
    drill_directory: str
    """Where the last drill left backup and archive, for `restore`."""
    target: Reference
    """Facts on the user's own database, where there is one."""
    approval: dict[str, Any]
    """A person's word on the plan for the user's own database, with the plan's hash."""
    criteria: list[dict[str, Any]]
    """The verdict on the four acceptance criteria."""
    status: Status
    """How the run stands."""
    reason: str
    """Why it stands so, one sentence."""
