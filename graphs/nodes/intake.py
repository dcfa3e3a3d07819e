"""intake: what was given, and what is there already."""

from __future__ import annotations

from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from ...database.target_facts import inspect_target
from ...errors import EvidenceError
from ..context import RunContext, subject_of
from ..state import State

STEP = "intake"


def intake(state: State, runtime: Runtime[RunContext]) -> Command[Literal["design"]]:
    """Check that the input is what the run began with; look (read-only) at the user's database."""
    context = runtime.context
    context.begin(STEP)
    given = state["prd"]
    if context.workspace.subject(given["path"]).sha256 != given["sha256"]:
        raise EvidenceError(
            f"{given['path']} was changed after the run began.",
            hint="Start a new run for the changed PRD.",
        )
    text = context.workspace.read(given["path"])
    context.record(
        STEP,
        f"The input was read: {len(text.splitlines())} lines.",
        "passed",
        subjects=[subject_of(given)],
        facts={"planner": context.planner.stamp},
    )
    update: State = {"status": "running"}
    if context.database_url is None:
        context.record(
            STEP,
            "No database of the user's was named: everything runs on A13's own server, and no "
            "approval is asked.",
            "info",
        )
    else:
        facts = inspect_target(
            context.database_url.get_secret_value(), own_version=context.server().version
        )
        update["target"] = context.save("evidence/reports/target", facts)
        context.record(
            STEP,
            f"The user's database was looked at, read-only: {facts.description}, "
            f"{len(facts.tables)} tables.",
            "passed",
            subjects=[subject_of(update["target"])],
            facts={"not_proved": "; ".join(facts.not_proved), "notes": "; ".join(facts.notes)},
        )
    return Command(goto="design", update=update)
