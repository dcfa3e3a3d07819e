"""approve and apply: the only way to a user's own database."""

from __future__ import annotations

from typing import Any, Literal

from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt

from ...database.target import apply_plan, plan_apply
from ...domain.apply import ApplyPlan
from ...domain.measurement import RevisionProof
from ...errors import TargetError
from ..context import RunContext, subject_of
from ..state import State

STEP = "apply"


def approve(state: State, runtime: Runtime[RunContext]) -> Command[Literal["apply", "document"]]:
    """Show target, statements, locks, duration and rollback; wait for a person's word.

    The approval carries the hash of the plan, which binds the target's fingerprint: when either
    has changed since, apply refuses.
    """
    context = runtime.context
    assert context.database_url is not None, "approve is only entered with a user's database"
    design = context.design(state)
    proof = context.report(state, "proof", RevisionProof)
    plan = plan_apply(
        context.database_url.get_secret_value(),
        context.workspace.path("migrations"),
        design,
        server=context.server(),
        proof=proof,
    )
    reports = context.save_report(state, "apply_plan", plan)
    if plan.problems or context.approval == "never":
        why = "; ".join(plan.problems) or "approval='never' was asked for"
        record = context.record(
            STEP,
            f"Nothing was applied to {plan.target}: {why}",
            "not_proved",
            subjects=[subject_of(reports["apply_plan"])],
        )
        return Command(
            goto="document",
            update={
                "reports": reports,
                "evidence": {**state.get("evidence", {}), "apply": record.id},
                "reason": f"Nothing was applied to {plan.target}: {why}",
            },
        )
    if context.approval == "ask":
        answer: dict[str, Any] = interrupt(
            {"kind": "needs_approval", "plan": plan.model_dump(mode="json")}
        )
    else:
        answer = {"approved": True, "plan_sha256": plan.plan_sha256}
    update: State = {"reports": reports, "approval": answer}
    approved = bool(answer.get("approved"))
    context.record(
        STEP,
        f"The plan for {plan.target} was "
        + ("approved" if approved else "rejected")
        + (" by a person." if context.approval == "ask" else " by approval='always'."),
        "info",
        subjects=[subject_of(reports["apply_plan"])],
        facts={"plan_sha256": str(answer.get("plan_sha256", ""))},
    )
    if not approved:
        update["reason"] = "The plan was rejected; nothing was applied."
        return Command(goto="document", update=update)
    return Command(goto="apply", update=update)


def apply(state: State, runtime: Runtime[RunContext]) -> Command[Literal["document"]]:
    """Run the approved plan on the user's database, or refuse when anything has changed."""
    context = runtime.context
    assert context.database_url is not None, "apply is only entered with a user's database"
    plan = context.report(state, "apply_plan", ApplyPlan)
    assert plan is not None, "apply is only entered from approve"
    update: State = {}
    if state["approval"].get("plan_sha256") != plan.plan_sha256:
        record = context.record(STEP, "Refused: the approval speaks of another plan.", "failed")
        update["reason"] = "The approval speaks of another plan; nothing was applied."
    else:
        try:
            outcome = apply_plan(
                context.database_url.get_secret_value(),
                context.workspace.path("migrations"),
                plan,
                report=context.reporter(STEP),
            )
        except TargetError as refusal:
            record = context.record(STEP, f"Refused: {refusal}", "failed")
            update["reason"] = f"Nothing was applied: {refusal}"
        else:
            update["reports"] = context.save_report(state, "apply", outcome)
            record = context.record(
                STEP,
                f"Applied to {plan.target}: its catalog equals the proved one."
                if outcome.passed
                else f"Applying to {plan.target} failed and was rolled back: {outcome.detail}",
                "passed" if outcome.passed else "failed",
                subjects=[subject_of(update["reports"]["apply"])],
                seconds=outcome.seconds,
            )
            if not outcome.passed:
                update["reason"] = f"Applying failed: {outcome.detail}"
    update["evidence"] = {**state.get("evidence", {}), "apply": record.id}
    return Command(goto="document", update=update)
