"""Loop budgets and usage: counters in the state, spent by pure functions."""

from __future__ import annotations

from typing import Literal

from ...agents.planner import Usage
from ...domain.plan import Budget
from ..state import State

Loop = Literal["design_repairs", "migration_repairs", "tuning_rounds", "restores"]


def spend(state: State, budget: Budget, loop: Loop) -> dict[str, int] | None:
    """The counters with one more try of `loop`, or None where its budget is spent."""
    counters = dict(state.get("counters", {}))
    allowed: int = getattr(budget, loop)
    if counters.get(loop, 0) >= allowed:
        return None
    counters[loop] = counters.get(loop, 0) + 1
    return counters


def add_usage(state: State, usage: Usage) -> dict[str, int]:
    """The state's usage with that of one more proposal."""
    total = dict(state.get("usage", {}))
    for name, value in usage.model_dump().items():
        total[name] = total.get(name, 0) + value
    return total
