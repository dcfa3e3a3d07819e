"""The planner protocol: who proposes. A planner returns data and never sees a server."""

from __future__ import annotations

from typing import Protocol

from ..domain.base import Value
from ..domain.design import Design
from ..domain.findings import Failure, Finding


class Usage(Value):
    """What a planner spent: model calls and tokens (0 for the rules)."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class Proposal(Value):
    """A design, and what was changed and why (one line each) if it is a repair."""

    design: Design
    changes: tuple[str, ...] = ()
    usage: Usage = Usage()


class Planner(Protocol):
    """Proposes a design and repairs it.

    Two implementations: the offline rules (`agents.rules.RulesPlanner`) and whatever a user
    passes as `model=` that has these methods; the tests use a scripted one.
    """

    @property
    def stamp(self) -> str:
        """Who proposes, for the head of every document ("rules 0.1.0, no model")."""
        ...

    def propose(self, prd: str, *, name: str) -> Proposal:
        """Read the PRD's text and propose a design. `name` is the fallback for the design's name.

        Raises InputError for a text that cannot be a PRD (empty, not text).
        """
        ...

    def repair(
        self, design: Design, *, findings: tuple[Finding, ...] = (), failure: Failure | None = None
    ) -> Proposal:
        """Propose the smallest change that answers the findings or the failure.

        Returns the same design with no changes when it has no answer.
        """
        ...
