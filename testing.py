"""Helpers for tests of what is built on A13: a planner that follows a script.

    from a13 import A13Agent
    from a13.testing import ScriptedPlanner

    planner = ScriptedPlanner(proposals=[broken], repairs=[mended])
    result = A13Agent(planner).run("# PRD …", workspace=tmp_path / "run")
    assert [call.method for call in planner.calls] == ["propose", "repair"]

The databases stay real: only who proposes is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from .agents.planner import Proposal, Usage
from .domain.base import Value
from .domain.design import Design
from .domain.findings import Failure, Finding
from .errors import PlannerError


class PlannerCall(Value):
    """What a planner was asked: the PRD's text or the design to repair, and why."""

    method: Literal["propose", "repair"]
    prd: str = ""
    name: str = ""
    design: Design | None = None
    findings: tuple[Finding, ...] = ()
    failure: Failure | None = None


Answer = Design | Proposal | Exception | Callable[[PlannerCall], Design | Proposal]
"""An answer of a script: a design, a proposal with its changes, an exception to raise, or a
function of the call."""


class ScriptedPlanner:
    """A planner (see `agents.planner.Planner`) that gives prepared answers, in their order.

    `proposals` answer `propose`; the last one answers every further call, because a run that
    was answered by a person, or resumed after a kill, asks again. `repairs` answer `repair`, one
    each; when they are used up the planner has no answer and returns the design unchanged.
    `calls` holds what was asked. A planner belongs to one run at a time.
    """

    def __init__(
        self,
        proposals: Sequence[Answer] = (),
        repairs: Sequence[Answer] = (),
        *,
        stamp: str = "scripted, no model",
        usage: Usage | None = None,
    ) -> None:
        self._proposals = list(proposals)
        self._repairs = list(repairs)
        self._stamp = stamp
        self._usage = usage or Usage()
        self.calls: list[PlannerCall] = []

    @property
    def stamp(self) -> str:
        """Who proposes, for the head of every document."""
        return self._stamp

    def propose(self, prd: str, *, name: str) -> Proposal:
        """The next proposal. Raises PlannerError where the script has none at all."""
        call = PlannerCall(method="propose", prd=prd, name=name)
        self.calls.append(call)
        if not self._proposals:
            raise PlannerError(
                "The script has no proposal.", hint="Pass proposals=[…] to ScriptedPlanner."
            )
        answer = self._proposals[0] if len(self._proposals) == 1 else self._proposals.pop(0)
        return self._answer(answer, call)

    def repair(
        self, design: Design, *, findings: tuple[Finding, ...] = (), failure: Failure | None = None
    ) -> Proposal:
        """The next repair, or the same design with no changes."""
        call = PlannerCall(method="repair", design=design, findings=findings, failure=failure)
        self.calls.append(call)
        if not self._repairs:
            return Proposal(design=design)
        return self._answer(self._repairs.pop(0), call)

    def _answer(self, answer: Answer, call: PlannerCall) -> Proposal:
        if isinstance(answer, Exception):
            raise answer
        given = answer if isinstance(answer, (Design, Proposal)) else answer(call)
        if isinstance(given, Proposal):
            return given
        changed = call.design is not None and given != call.design
        return Proposal(
            design=given, changes=("As the script says.",) if changed else (), usage=self._usage
        )
