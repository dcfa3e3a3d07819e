"""A PRD's text in, its design out; every design that is read is also judged by the checks."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest

from a13.agents.rules import RulesPlanner
from a13.checks import check_design
from a13.domain.design import Design

Read = Callable[[str], Design]


@pytest.fixture
def read() -> Read:
    def read_prd(text: str) -> Design:
        design = RulesPlanner().propose(textwrap.dedent(text), name="fallback name").design
        errors = [f for f in check_design(design) if f.severity == "error"]
        assert not errors, errors
        return design

    return read_prd
