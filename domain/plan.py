"""Budgets, and what was reached within them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Value

Approval = Literal["ask", "never", "always"]


class Budget(Value):
    """How much a run may spend on loops and data.

    Loop budgets count tries after the first. Row budgets cap the generated data; a cap that bites
    is reported and makes the performance criterion "not proved".
    """

    design_repairs: int = Field(default=3, ge=0, le=20)
    migration_repairs: int = Field(default=3, ge=0, le=20)
    tuning_rounds: int = Field(default=3, ge=0, le=20)
    restores: int = Field(default=2, ge=0, le=20)
    rows_per_relation: int = Field(default=1_000_000, ge=1)
    rows_total: int = Field(default=3_000_000, ge=1)
    samples_per_query: int = Field(default=40, ge=5)
    statement_seconds: float = Field(default=30.0, gt=0)
    index_build_seconds: float = Field(default=60.0, gt=0)


class RelationVolume(Value):
    """How many rows to load into a relation, and why so many."""

    relation: str
    rows: int
    stated_rows: int
    assumed: bool
    capped: bool = False
    reason: str = ""
