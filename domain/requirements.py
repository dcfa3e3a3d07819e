"""What a PRD asks for: requirements with the line they came from."""

from __future__ import annotations

import re
from typing import Literal

from .base import Value

RequirementKind = Literal[
    "entity", "attribute", "relationship", "rule", "access", "sla", "volume",
    "retention", "privacy", "tenancy", "audit", "recovery", "role", "other",
]  # fmt: skip


_GENERIC = re.compile(
    r"^(?:product\s+requirements?(?:\s+document)?|requirements?(?:\s+document)?|prd|"
    r"(?:software|functional)\s+(?:requirements?\s+)?specification|spec(?:ification)?)"
    r"\s*(?:for\b|of\b|[:–—|-])\s*",
    re.IGNORECASE,
)


def subject_of_heading(heading: str) -> str:
    """What a document is about, without the words for its kind.

    >>> subject_of_heading("Product Requirements: Lindenhof Clinic"), subject_of_heading("Shop PRD")
    ('Lindenhof Clinic', 'Shop')
    """
    text = _GENERIC.sub("", heading.strip())
    text = re.sub(r"\s*[:–—|-]?\s*\(?\b(?:PRD|product requirements?(?: document)?)\)?$", "", text,
                  flags=re.IGNORECASE)  # fmt: skip
    return text.strip() or heading.strip()


class Citation(Value):
    """A place in the PRD: 1-based line and the words that stand there."""

    line: int
    quote: str


class Requirement(Value):
    """One thing that the PRD asks of the database.

    `elements` names what in the design serves it, as element references:
    `relation:orders`, `column:orders.total`, `constraint:orders.ck_orders_total`,
    `index:ix_orders_placed_at`, `query:list_orders`, `policy:orders`, `retention:orders`,
    `objective:rpo`, `role:clerk`. A constraint reference is `constraint:RELATION.NAME`.
    `about_data` is false for what no database can serve (a colour, a page layout).
    """

    id: str
    kind: RequirementKind
    text: str
    source: Citation
    elements: tuple[str, ...] = ()
    about_data: bool = True


class Assumption(Value):
    """What A13 took for granted because the PRD does not say."""

    id: str
    text: str
    reason: str
    elements: tuple[str, ...] = ()


class Question(Value):
    """What only a person can answer. `blocking` questions end the run as needs_input.

    `default` is what A13 goes on with when nobody answers.
    """

    id: str
    text: str
    default: str = ""
    blocking: bool = False
    source: Citation | None = None
    elements: tuple[str, ...] = ()


class Decision(Value):
    """A choice made in the design, with its reason."""

    id: str
    title: str
    reason: str
    elements: tuple[str, ...] = ()
    source: Citation | None = None
