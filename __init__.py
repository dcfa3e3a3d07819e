"""A13, an LLM database engineer: from a PRD to a proved PostgreSQL database.

    from a13 import A13Agent
    result = A13Agent().run("prd.md")

Names are loaded on first use, so that `import a13` costs nothing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from a13.agent import A13Agent, A13Result
    from a13.domain.plan import Budget
    from a13.errors import A13Error

__all__ = ["A13Agent", "A13Error", "A13Result", "Budget", "__version__"]

_HOMES = {
    "A13Agent": "a13.agent",
    "A13Result": "a13.agent",
    "A13Error": "a13.errors",
    "Budget": "a13.domain.plan",
}

logging.getLogger("a13").addHandler(logging.NullHandler())


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'a13' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
