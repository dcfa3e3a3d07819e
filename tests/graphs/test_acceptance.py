"""The verdict is met only for what was measured as the PRD states it."""

from __future__ import annotations

import pytest

from a13.domain.design import Column, Design, Objectives, Relation, Unread
from a13.domain.findings import Finding
from a13.domain.measurement import (
    DrillReport,
    DrillStep,
    Probe,
    QueryMeasurement,
    RevisionProof,
)
from a13.domain.reports import PerformanceReport, ProbeReport
from a13.domain.requirements import Citation, Requirement
from a13.domain.workload import Sla
from a13.graphs.acceptance import Seen, judge

HERE = Citation(line=3, quote="Notes have a body.")
NOTES = Relation(
    name="notes",
    columns=(Column(name="id", type="bigint", identity=True), Column(name="body", type="text")),
    primary_key=("id",),
)


def requirement(*elements: str, **update: object) -> Requirement:
    plain = Requirement(id="R-1", kind="entity", text="Notes", source=HERE, elements=elements)
    return plain.model_copy(update=update)


def design(**update: object) -> Design:
    plain = Design(name="n", relations=(NOTES,), requirements=(requirement("relation:notes"),))
    return plain.model_copy(update=update)


def probe(passed: bool = True, conclusive: bool = True) -> Probe:
    return Probe(
        element="column:notes.body", statement="INSERT", expected="23502", observed="23502",
        passed=passed, conclusive=conclusive,
    )  # fmt: skip


def proof(passed: bool = True) -> RevisionProof:
    return RevisionProof(
        revision="0001", steps=(), fingerprint_before="a", fingerprint_up="b",
        fingerprint_down="a", fingerprint_again="b", passed=passed,
        differences=() if passed else ("left over: type public.old",),
    )  # fmt: skip


def timed(verdict: str = "met", sla: Sla | None = None) -> QueryMeasurement:
    return QueryMeasurement.model_validate(
        {
            "query": "list_notes", "sql": "SELECT 1", "samples": 5, "p50_ms": 1.0, "p95_ms": 2.0,
            "p99_ms": 2.0, "max_ms": 2.0, "sla": sla, "verdict": verdict, "reason": "it is capped",
        }
    )  # fmt: skip


SLA = Sla(target_ms=100.0)
ERROR = Finding(rule="K1", severity="error", element="relation:notes", message="no key")
RUNBOOK = ("docs/operations/backup-and-recovery.md",)


def drill(passed: bool = True, **update: object) -> DrillReport:
    step = DrillStep(name="recovery", passed=passed, seconds=1.0)
    plain = DrillReport(steps=(step,), passed=passed, rpo_seconds=1.0, rto_seconds=5.0)
    return plain.model_copy(update=update)


def seen(**update: object) -> Seen:
    whole = Seen(
        design=design(),
        proof=proof(),
        probes=ProbeReport(probes=(probe(),)),
        performance=PerformanceReport(server="18", measurements=(timed(sla=SLA),)),
        drill=drill(),
        documents=RUNBOOK,
        evidence=(("design", "E-0001"), ("proof", "E-0002"), ("drill", "E-0003")),
    )
    return whole.model_copy(update=update)


def verdict(name: str, given: Seen) -> str:
    return {criterion.id: criterion.verdict for criterion in judge(given)}[name]  # type: ignore[index]


def test_everything_measured_is_met_and_linked() -> None:
    criteria = judge(seen())
    assert [criterion.verdict for criterion in criteria] == ["met"] * 4
    assert criteria[0].evidence == ("E-0001", "E-0002")


def test_nothing_seen_is_not_proved() -> None:
    assert [criterion.verdict for criterion in judge(Seen())] == ["not proved"] * 4


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        ({"findings": (ERROR,)}, "not met"),
        ({"design": design(requirements=(requirement(),))}, "not met"),
        ({"design": design(requirements=(requirement("relation:gone"),))}, "not met"),
        ({"design": design(requirements=(requirement(about_data=False),))}, "not proved"),
        ({"design": design(requirements=())}, "not proved"),
        ({"design": design(unread=(Unread(line=9, text="?"),))}, "not proved"),
        ({"probes": ProbeReport(probes=(probe(passed=False),))}, "not met"),
        ({"probes": ProbeReport(probes=(probe(passed=False, conclusive=False),))}, "not proved"),
        ({"probes": None}, "not proved"),
        ({"proof": proof(passed=False)}, "not proved"),
    ],
)  # fmt: skip
def test_schema(update: dict[str, object], expected: str) -> None:
    assert verdict("schema", seen(**update)) == expected


@pytest.mark.parametrize(
    ("measurements", "expected"),
    [
        ((), "not proved"),
        ((timed("no_sla"),), "not proved"),
        ((timed("missed", SLA), timed("met", SLA)), "not met"),
        ((timed("not_proved", SLA), timed("met", SLA)), "not proved"),
        ((timed("missed", SLA), timed("not_proved", SLA)), "not met"),
        ((timed("met", SLA), timed("no_sla")), "met"),
    ],
)
def test_performance(measurements: tuple[QueryMeasurement, ...], expected: str) -> None:
    report = PerformanceReport(server="18", measurements=measurements)
    assert verdict("performance", seen(performance=report)) == expected


@pytest.mark.parametrize("measured", [(timed(),), (timed(sla=SLA),)])
def test_a_response_time_that_was_not_read_is_not_proved(
    measured: tuple[QueryMeasurement, ...],
) -> None:
    line = Unread(line=9, text="Answers within 2 seconds.", reason="no fact found")
    report = PerformanceReport(server="18", measurements=measured)
    criteria = judge(seen(design=design(unread=(line,)), performance=report))
    found = next(criterion for criterion in criteria if criterion.id == "performance")
    assert found.verdict == "not proved"
    assert "line 9" in found.reason


def test_a_stated_response_time_is_named_where_nothing_was_measured_for_it() -> None:
    page = requirement("relation:notes", id="R-7", kind="sla", about_data=False)
    report = PerformanceReport(server="18", measurements=(timed(),))
    criteria = judge(seen(design=design(requirements=(page,)), performance=report))
    found = next(criterion for criterion in criteria if criterion.id == "performance")
    assert found.verdict == "not proved" and "R-7" in found.reason


def test_an_sla_that_no_query_stands_for_is_not_proved() -> None:
    lost = requirement("relation:notes", id="SLA-9", kind="sla")
    requirements = (requirement("relation:notes"), lost)
    given = seen(design=design(requirements=requirements))
    assert verdict("performance", given) == "not proved"


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        ({"drill": drill(passed=False)}, "not met"),
        ({"documents": ()}, "not proved"),
        ({"design": design(objectives=Objectives(rto_seconds=2))}, "not met"),
        ({"design": design(objectives=Objectives(rpo_seconds=1, rto_seconds=5))}, "met"),
        (
            {
                "design": design(objectives=Objectives(rpo_seconds=60)),
                "drill": drill(rpo_seconds=None),
            },
            "not proved",
        ),
    ],
)
def test_recovery(update: dict[str, object], expected: str) -> None:
    assert verdict("recovery", seen(**update)) == expected


def test_migrations() -> None:
    assert verdict("migrations", seen(proof=proof(passed=False))) == "not met"
    assert verdict("migrations", seen(proof=None)) == "not proved"
