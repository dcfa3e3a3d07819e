"""Which planner: what `model=`, `--model` and `A13_MODEL` stand for."""

from __future__ import annotations

from ..errors import ConfigError
from .planner import Planner


def select_planner(model: object | None) -> Planner:
    """The planner for a `model` argument: None is the offline rules.

    Raises ConfigError for anything else that has not the methods of `Planner`.
    """
    if model is None:
        from .rules import RulesPlanner

        return RulesPlanner()
    if not isinstance(model, str) and all(
        hasattr(model, name) for name in ("stamp", "propose", "repair")
    ):
        return model  # type: ignore[return-value]  # a protocol, checked by its names just now
    raise ConfigError(
        f"{model!r} cannot plan: this release plans offline, by rules, or with an object that has "
        "the methods of a13.agents.planner.Planner.",
        hint="Leave model (and A13_MODEL) unset for the rules planner.",
    )
