"""approve and apply: the only way to a user's own database."""

from __future__ import annotations

from typing import Any, Literal

from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt

from ...database.generate import small_rows
from ...database.target import apply_plan, plan_apply
from ...domain.apply import ApplyPlan
from ...errors import ConfigError, TargetError
from ..context import RunContext, subject_of
from ..state import State

STEP = "apply"


def approve(state: State, runtime: Runtime[RunContext]) -> Command[Literal["apply", "document"]]:
    """Show target, statements, locks, duration and rollback; wait for a person's word.

    The approval carries the hash of the plan, which binds the target's fingerprint: when either
    has changed since, apply refuses. The node runs again from its top when it is resumed, so the
    plan that was shown is read back from the workspace and not made anew.
    """
    context = runtime.context
    assert context.database_url is not None, "approve is only entered with a user's database"
    context.begin(STEP)
    design = context.design(state)
    try:
        plan = plan_apply(
            context.database_url.get_secret_value(),
            context.workspace.path("migrations"),
            server=context.server(),
            design=design,
            load_rows=small_rows(design, seed=context.settings.seed),
        )
    except ConfigError as refusal:
        record = context.record(STEP, f"Nothing was applied: {refusal}", "not_proved")
        evidence = {**state.get("evidence", {}), "apply": record.id}
        return Command(
            goto="document",
            update={"evidence": evidence, "reason": f"Nothing was applied: {refusal}"},
        )
    target = plan.target.description
    why = "; ".join(plan.target.problems)
    if context.approval == "never" and not why:
        why = "approval='never' was asked for"
    if why:
        reports = context.save_report(state, "apply_plan", plan)
        record = context.record(
            STEP,
            f"Nothing was applied to {target}: {why}.",
            "not_proved",
            subjects=[subject_of(reports["apply_plan"])],
        )
        return Command(
            goto="document",
            update={
                "reports": reports,
                "evidence": {**state.get("evidence", {}), "apply": record.id},
                "reason": f"Nothing was applied to {target}: {why}.",
            },
        )
    answer: dict[str, Any] = {"approved": True, "plan": plan.model_dump(mode="json")}
    if context.approval == "ask":
        answer = interrupt({"kind": "needs_approval", **answer})
    # What the person saw, not what the planning just now gave: measured seconds differ.
    shown = ApplyPlan.model_validate(answer["plan"])
    reports = context.save_report(state, "apply_plan", shown)
    approved = bool(answer["approved"])
    word = "approved" if approved else "rejected"
    who = "a person" if context.approval == "ask" else "approval='always'"
    context.record(
        STEP,
        f"The plan for {target} was {word} by {who}.",
        "info",
        subjects=[subject_of(reports["apply_plan"])],
        facts={"plan_sha256": shown.sha256, "not_proved": "; ".join(shown.target.not_proved)},
    )
    update: State = {
        "reports": reports,
        "approval": {"approved": approved, "plan_sha256": shown.sha256},
    }
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
    target = plan.target.description
    update: State = {}
    try:
        outcome = apply_plan(
            context.database_url.get_secret_value(),
            context.workspace.path("migrations"),
            plan,
            approved_sha256=state["approval"]["plan_sha256"],
            report=context.reporter(STEP),
        )
    except TargetError as refusal:
        record = context.record(STEP, f"Refused: {refusal}", "failed")
        update["reason"] = f"Nothing was applied: {refusal}"
    else:
        update["reports"] = context.save_report(state, "apply", outcome)
        detail = outcome.failure.message if outcome.failure else "; ".join(outcome.differences[:3])
        after = "rolled back, the catalog is as before" if outcome.rolled_back else "left as it is"
        record = context.record(
            STEP,
            f"Applied to {target}: its catalog changed as proved."
            if outcome.passed
            else f"Applying to {target} failed ({after}): {detail}",
            "passed" if outcome.passed else "failed",
            subjects=[subject_of(update["reports"]["apply"])],
            facts={"revision": outcome.revision or "", "attempts": outcome.attempts},
            seconds=outcome.seconds,
        )
        if not outcome.passed:
            update["reason"] = f"Applying to {target} failed ({after}): {detail}"
    update["evidence"] = {**state.get("evidence", {}), "apply": record.id}
    return Command(goto="document", update=update)
