"""The result of a run, as a value."""

from __future__ import annotations

from typing import Literal

from .apply import ApplyPlan
from .base import Value
from .design import Design
from .evidence import Criterion, Subject
from .measurement import QueryMeasurement
from .requirements import Assumption, Question

ResultStatus = Literal["completed", "needs_input", "needs_approval", "failed"]


class Migration(Value):
    """A revision of the migration history: id, what it does, its file and hash."""

    id: str
    message: str
    path: str
    sha256: str
    proved: bool


class UsageTotal(Value):
    """Model calls and tokens of a run; all 0 for the offline rules."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class RunResult(Value):
    """What a run hands back.

    `status`: completed (every step ran; `acceptance` says how well), needs_input (answer
    `questions` and resume), needs_approval (look at `approval` and resume), failed (`reason` says
    why; what was reached is in the workspace). `workspace` is an absolute path.
    """

    status: ResultStatus
    reason: str = ""
    name: str
    planner: str
    thread_id: str
    workspace: str
    acceptance: tuple[Criterion, ...] = ()
    design: Design | None = None
    migrations: tuple[Migration, ...] = ()
    sla: tuple[QueryMeasurement, ...] = ()
    artefacts: tuple[Subject, ...] = ()
    questions: tuple[Question, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    approval: ApplyPlan | None = None
    usage: UsageTotal = UsageTotal()

    @property
    def accepted(self) -> bool:
        """True where all four acceptance criteria are met."""
        return (
            self.status == "completed"
            and bool(self.acceptance)
            and all(criterion.verdict == "met" for criterion in self.acceptance)
        )

    @property
    def exit_code(self) -> int:
        """The CLI's exit code: 0 accepted, 1 failed, 3 input, 4 approval, 5 a criterion not met."""
        codes = {"failed": 1, "needs_input": 3, "needs_approval": 4}
        return codes.get(self.status, 0 if self.accepted else 5)
