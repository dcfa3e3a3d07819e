"""Pure judgements on a design: rules over values, no server.

Each rule is a small function from a design to findings; its docstring starts with the rule's id
(those with a letter and a number are the well-known ones of database linters).
"""

from __future__ import annotations

from ..domain.design import Design
from ..domain.findings import Finding
from . import expressions, keys, naming_rules, normal_forms, promises, structure
from . import requirements as _requirements
from .reading import Rule
from .requirements import Coverage, coverage, resolve

RULES: tuple[Rule, ...] = (
    *naming_rules.RULES,
    *keys.RULES,
    *structure.RULES,
    *normal_forms.RULES,
    *expressions.RULES,
    *promises.RULES,
    *_requirements.RULES,
)

# Judgements that a reason can outweigh. What cannot be built, and what is broken, has no waiver.
WAIVABLE = frozenset(
    """
    K3 K5 K6 K9 K12 T1 T2 T3 T5 T7 N1 N2 N3 N4 N5 N6 N7 S1 L1 uncovered
    """.split()
)


def check_design(design: Design) -> tuple[Finding, ...]:
    """Every finding on the design that no waiver silences, errors first, each once."""
    waived = {waiver.key for waiver in design.waivers if waiver.reason.strip()}
    found = dict.fromkeys(finding for rule in RULES for finding in rule(design))
    kept = [f for f in found if f.rule not in WAIVABLE or f.key not in waived]
    order = ("error", "warning", "info")
    return tuple(sorted(kept, key=lambda finding: order.index(finding.severity)))


__all__ = ["RULES", "WAIVABLE", "Coverage", "check_design", "coverage", "resolve"]
