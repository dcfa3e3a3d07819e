"""From a checkpoint and the workspace to the result that a caller gets."""

from __future__ import annotations

from typing import Any, TypeVar

from ..database import revisions
from ..domain.apply import ApplyPlan
from ..domain.base import Value
from ..domain.design import Design
from ..domain.evidence import Criterion, Subject
from ..domain.reports import PerformanceReport
from ..domain.requirements import Question
from ..domain.result import Migration, ResultStatus, RunResult, UsageTotal
from ..evidence.ledger import Ledger
from ..evidence.workspace import Workspace

V = TypeVar("V", bound=Value)


def build_result(
    place: Workspace, snapshot: Any, about: dict[str, Any], stamp: str, *, cancelled: str = ""
) -> RunResult:
    """The result as the last checkpoint and the files of the workspace show it."""
    state: dict[str, Any] = snapshot.values
    reports = state.get("reports", {})
    design = _read(place, state.get("design"), Design)
    performance = _read(place, reports.get("performance"), PerformanceReport)
    waiting = snapshot.interrupts[0].value if snapshot.interrupts else None
    status: ResultStatus
    questions: tuple[Question, ...] = design.questions if design else ()
    approval = None
    reason = str(state.get("reason", ""))
    if cancelled:
        status, reason = "failed", cancelled
    elif waiting is not None and waiting["kind"] == "needs_input":
        status = "needs_input"
        questions = tuple(Question.model_validate(row) for row in waiting["questions"])
        reason = f"{len(questions)} question(s) must be answered first."
    elif waiting is not None:
        status = "needs_approval"
        approval = ApplyPlan.model_validate(waiting["plan"])
        reason = f"The plan for {approval.target.description} waits for an approval."
    elif state.get("status") == "completed":
        status = "completed"
    else:
        status = "failed"
        reason = reason or "The run was interrupted; resume it."
    proved = set(state.get("proved", []))
    return RunResult(
        status=status,
        reason=reason,
        name=str(about["name"]),
        planner=str(about.get("planner", stamp)),
        thread_id=str(about["thread_id"]),
        workspace=str(place.root),
        acceptance=tuple(Criterion.model_validate(row) for row in state.get("criteria", [])),
        design=design,
        migrations=tuple(
            Migration(
                id=revision.id,
                message=revision.message,
                path=f"migrations/versions/{revision.filename}",
                sha256=revision.sha256,
                proved=revision.id in proved,
            )
            for revision in revisions.read_history(place.path("migrations"))
        ),
        sla=performance.measurements if performance else (),
        artefacts=_artefacts(place),
        questions=questions,
        assumptions=design.assumptions if design else (),
        approval=approval,
        usage=UsageTotal.model_validate(state.get("usage", {})),
    )


def _read(place: Workspace, reference: dict[str, str] | None, kind: type[V]) -> V | None:
    return None if reference is None else kind.model_validate_json(place.read(reference["path"]))


def _artefacts(place: Workspace) -> tuple[Subject, ...]:
    """Every file that the ledger speaks of and that is there, with its hash now."""
    paths = {s.path for record in Ledger(place).records() for s in record.subjects}
    if place.exists("task-progress.md"):
        paths.add("task-progress.md")
    return tuple(place.subject(path) for path in sorted(paths) if place.exists(path))
