"""The scripted planner follows its script and remembers what it was asked."""

from __future__ import annotations

import pytest

from a13.agents.planner import Planner, Proposal, Usage
from a13.domain.design import Design
from a13.domain.findings import Failure, Finding
from a13.errors import InputError, PlannerError
from a13.testing import PlannerCall, ScriptedPlanner

ONE, TWO, THREE = (Design(name=name) for name in ("one", "two", "three"))
FINDING = Finding(rule="K1", severity="error", element="relation:x", message="no key")
FAILURE = Failure(kind="upgrade", message="boom", sqlstate="42704")


def test_it_is_a_planner() -> None:
    planner: Planner = ScriptedPlanner([ONE], stamp="me")
    assert planner.stamp == "me"


def test_proposals_come_in_order_and_the_last_one_stays() -> None:
    planner = ScriptedPlanner([ONE, TWO])
    designs = [planner.propose("text", name="shop").design for _ in range(3)]
    assert designs == [ONE, TWO, TWO]
    assert planner.calls == [PlannerCall(method="propose", prd="text", name="shop")] * 3


def test_repairs_come_in_order_and_then_there_is_no_answer() -> None:
    planner = ScriptedPlanner([ONE], [TWO, Proposal(design=THREE, changes=("dropped x",))])
    first = planner.repair(ONE, findings=(FINDING,))
    second = planner.repair(TWO, failure=FAILURE)
    third = planner.repair(THREE)
    assert first.design == TWO and first.changes
    assert second == Proposal(design=THREE, changes=("dropped x",))
    assert third == Proposal(design=THREE)
    assert [call.method for call in planner.calls] == ["repair"] * 3
    assert planner.calls[0].findings == (FINDING,) and planner.calls[1].failure == FAILURE


def test_a_repair_that_changes_nothing_says_so() -> None:
    assert ScriptedPlanner(repairs=[ONE]).repair(ONE).changes == ()


def test_an_answer_may_be_a_function_of_the_call() -> None:
    planner = ScriptedPlanner(
        [lambda call: Design(name=call.name)],
        [lambda call: Proposal(design=Design(name=call.findings[0].rule))],
    )
    assert planner.propose("x", name="shop").design.name == "shop"
    assert planner.repair(ONE, findings=(FINDING,)).design.name == "K1"


def test_an_answer_may_be_an_exception() -> None:
    planner = ScriptedPlanner([InputError("not a PRD"), ONE], [PlannerError("no network")])
    with pytest.raises(InputError, match="not a PRD"):
        planner.propose("x", name="shop")
    assert planner.propose("x", name="shop").design == ONE
    with pytest.raises(PlannerError):
        planner.repair(ONE)
    assert len(planner.calls) == 3


def test_an_empty_script_says_so() -> None:
    with pytest.raises(PlannerError, match="no proposal"):
        ScriptedPlanner().propose("x", name="shop")


def test_usage_is_reported() -> None:
    usage = Usage(calls=1, input_tokens=10, output_tokens=5)
    assert ScriptedPlanner([ONE], usage=usage).propose("x", name="x").usage == usage
