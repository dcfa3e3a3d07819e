"""design: the planner proposes, deterministic checks judge, the planner repairs in a budget."""

from __future__ import annotations

from typing import Any, Literal

from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt

from ...agents.planner import Proposal
from ...agents.rules import SHAPES_UNDERSTOOD
from ...checks import check_design
from ...domain.complete import (
    with_canonical_types,
    with_derived_workload,
    with_foreign_key_indexes,
)
from ...domain.design import Design
from ...domain.findings import Failure, Finding
from ...domain.reports import DesignCheck
from ...domain.requirements import Decision, Question
from ..context import RunContext, subject_of
from ..state import State
from .spend import add_usage, spend

STEP = "design"
ANSWERS_HEADING = "## Answers to questions"


def design(
    state: State, runtime: Runtime[RunContext]
) -> Command[Literal["design", "clarify", "migrate", "acceptance"]]:
    """Propose a design, or repair the current one for its findings; go on when no error is left."""
    context = runtime.context
    context.begin(STEP)
    proposal = _propose(state, context)
    proposed = with_decisions(proposal).model_copy(update={"planner": context.planner.stamp})
    proposed = with_foreign_key_indexes(with_canonical_types(proposed))
    findings = check_design(proposed)
    errors = [finding for finding in findings if finding.severity == "error"]
    if not errors:
        proposed = with_derived_workload(proposed)
        findings = check_design(proposed)
        errors = [finding for finding in findings if finding.severity == "error"]
    update: State = {
        "design": context.save_design(proposed),
        "usage": add_usage(state, proposal.usage),
        "findings": [],
    }
    blocking = _blocking(proposed, state)
    if blocking or not proposed.relations:
        context.record(
            STEP,
            f"The design needs input: {len(blocking) or 1} question(s) only a person can answer.",
            "info",
            subjects=[subject_of(update["design"])],
        )
        return Command(goto="clarify", update=update)

    repairs = (*_repairs_so_far(state, context), *proposal.changes)
    update["reports"] = context.save_report(
        state, "design", DesignCheck(findings=findings, repairs=repairs)
    )
    subjects = [subject_of(update["design"]), subject_of(update["reports"]["design"])]
    facts: dict[str, object] = {
        "relations": len(proposed.relations),
        "requirements": len(proposed.requirements),
        "errors": len(errors),
        "warnings": sum(finding.severity == "warning" for finding in findings),
        "lines_not_understood": len(proposed.unread),
    }
    if not errors:
        record = context.record(
            STEP,
            f"The design of {len(proposed.relations)} relations has no open error.",
            "passed",
            subjects=subjects,
            facts=facts,
        )
        update["evidence"] = {**state.get("evidence", {}), "design": record.id}
        return Command(goto="migrate", update=update)

    context.record(
        STEP,
        f"The checks found {len(errors)} error(s): {errors[0].message}",
        "failed",
        subjects=subjects,
        facts=facts,
    )
    changed_nothing = bool(state.get("findings")) and not proposal.changes
    counters = spend(state, context.budget, "design_repairs")
    if counters is None or changed_nothing:
        why = "the planner has no further answer" if changed_nothing else "the budget is spent"
        update["status"] = "failed"
        update["reason"] = (
            f"The design still has {len(errors)} error(s) and {why}. First: "
            f"{errors[0].element}: {errors[0].message} {errors[0].remediation}".strip()
        )
        return Command(goto="acceptance", update=update)
    update["counters"] = counters
    update["findings"] = [finding.model_dump(mode="json") for finding in errors]
    return Command(goto="design", update=update)


def clarify(state: State, runtime: Runtime[RunContext]) -> Command[Literal["design"]]:
    """Hand the blocking questions to a person; go on with the answers."""
    current = runtime.context.design(state)
    questions = _blocking(current, state)
    # The interrupt comes first: the node runs again from its top when it is resumed.
    answers: dict[str, str] = interrupt(
        {
            "kind": "needs_input",
            "questions": [question.model_dump(mode="json") for question in questions],
        }
    )
    known = {question.id: question.text for question in questions}
    said = dict(state.get("answers", {}))
    for key, answer in answers.items():
        said[known.get(key, key)] = str(answer)
    runtime.context.record(
        STEP, f"A person answered {len(answers)} question(s).", "info", facts=dict(answers)
    )
    update: State = {"answers": said, "status": "running", "findings": []}
    update["failure"] = None
    return Command(goto="design", update=update)


def _propose(state: State, context: RunContext) -> Proposal:
    """A repair where something is to be repaired, else a fresh reading of the PRD."""
    findings = tuple(Finding.model_validate(row) for row in state.get("findings", []))
    if findings:
        return context.planner.repair(context.design(state), findings=findings)
    failure = state.get("failure")
    if failure and "design" in state:
        # The rollback node has had the design repaired already.
        return Proposal(design=context.design(state))
    given = state["prd"]
    if given["path"].endswith(".json"):
        text = context.workspace.read(given["path"])
        return Proposal(design=Design.model_validate_json(text))
    return context.planner.propose(prd_with_answers(state, context), name=state["name"])


def prd_with_answers(state: State, context: RunContext) -> str:
    """The PRD's text with a person's answers as a section at its end."""
    text = context.workspace.read(state["prd"]["path"])
    answers = state.get("answers", {})
    if not answers:
        return text
    parts = [text.rstrip(), "", ANSWERS_HEADING, ""]
    for question, answer in answers.items():
        parts += [f"<!-- {question.replace('--', '- -')} -->", answer, ""]
    return "\n".join(parts)


def with_decisions(proposal: Proposal) -> Design:
    """The proposed design, with each change of a repair as a decision: none is made silently."""
    known = len(proposal.design.decisions)
    made = tuple(
        Decision(
            id=f"D-R{known + number}",
            title=change,
            reason="The design as it stood before did not pass the checks or the server.",
        )
        for number, change in enumerate(proposal.changes, start=1)
    )
    decisions = (*proposal.design.decisions, *made)
    return proposal.design.model_copy(update={"decisions": decisions})


def _blocking(current: Design, state: State) -> tuple[Question, ...]:
    """Questions that stop the run and that nobody has answered."""
    answered = set(state.get("answers", {}))
    questions = tuple(
        question
        for question in current.questions
        if question.blocking and question.text not in answered
    )
    if questions or current.relations:
        return questions
    return (
        Question(
            id="Q-ENTITIES",
            text="No entities were found. Which things does the application store, and with "
            f"which fields? Shapes that are understood:\n{SHAPES_UNDERSTOOD}",
            blocking=True,
        ),
    )


def _repairs_so_far(state: State, context: RunContext) -> tuple[str, ...]:
    earlier = context.report(state, "design", DesignCheck)
    return earlier.repairs if earlier else ()


def failure_of_state(state: State) -> Failure | None:
    """The failure that the state carries, as a value."""
    raw: dict[str, Any] | None = state.get("failure")
    return None if raw is None else Failure.model_validate(raw)
