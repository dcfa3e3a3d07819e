"""The verdict on the four acceptance criteria: a pure function of what the run saw.

*Met* needs a measurement for everything that was asked. Whatever was not measured, or measured
under other conditions than the PRD states, makes a criterion *not proved*; whatever was measured
and falls short makes it *not met*.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..checks import coverage
from ..domain.base import Value
from ..domain.design import Design
from ..domain.evidence import CRITERIA, Criterion, Verdict
from ..domain.findings import Finding
from ..domain.measurement import DrillReport, QueryMeasurement, RevisionProof
from ..domain.reports import PerformanceReport, ProbeReport
from ..domain.workload import Sla, states_latency

# Criterion by criterion, the reports (by name) whose records are its evidence.
EVIDENCE_OF: dict[str, tuple[str, ...]] = {
    "schema": ("design", "proof", "probes"),
    "migrations": ("proof", "rollback"),
    "performance": ("performance", "tuning"),
    "recovery": ("drill", "restore", "documents"),
}


class Seen(Value):
    """Everything a verdict may rest on. None means the step was not reached."""

    design: Design | None = None
    findings: tuple[Finding, ...] = ()
    proof: RevisionProof | None = None
    probes: ProbeReport | None = None
    performance: PerformanceReport | None = None
    drill: DrillReport | None = None
    documents: tuple[str, ...] = ()
    evidence: tuple[tuple[str, str], ...] = ()


def judge(seen: Seen) -> tuple[Criterion, ...]:
    """The four criteria, in the order of `domain.evidence.CRITERIA`."""
    verdicts = {
        "schema": _schema(seen),
        "migrations": _migrations(seen),
        "performance": _performance(seen),
        "recovery": _recovery(seen),
    }
    ids = dict(seen.evidence)
    return tuple(
        Criterion(
            id=key,
            text=text,
            verdict=verdicts[key][0],
            reason=verdicts[key][1],
            evidence=tuple(ids[name] for name in EVIDENCE_OF[key] if name in ids),
        )
        for key, text in CRITERIA
    )


def _schema(seen: Seen) -> tuple[Verdict, str]:
    if seen.design is None or not seen.design.relations:
        return "not proved", "There is no design."
    errors = [finding for finding in seen.findings if finding.severity == "error"]
    if errors:
        return "not met", f"The design has {_count(len(errors), 'open error')}."
    uncovered = [entry.requirement for entry in coverage(seen.design) if not entry.served]
    if uncovered:
        return "not met", f"No element of the design serves {_names(uncovered)}."
    if seen.proof is None or not seen.proof.passed or seen.probes is None:
        return "not proved", "The schema was not built and probed on a server."
    failed = [probe.element for probe in seen.probes.probes if not probe.passed]
    refused = [p for p in seen.probes.probes if not p.passed and not p.conclusive]
    if len(failed) > len(refused):
        wrong = [p.element for p in seen.probes.probes if not p.passed and p.conclusive]
        return "not met", f"The server did not behave as designed at {_names(wrong)}."
    if refused:
        return "not proved", f"No statement could test {_names(p.element for p in refused)}."
    if seen.design.unread:
        lines = [f"line {unread.line}" for unread in seen.design.unread]
        return "not proved", f"{_count(len(lines), 'line')} not understood: {_names(lines)}."
    total = len(seen.probes.probes)
    asked = sum(requirement.about_data for requirement in seen.design.requirements)
    if not asked:
        return "not proved", f"No requirement was read; {_count(total, 'probe')} as designed."
    return "met", f"{_count(asked, 'requirement')} served, {_count(total, 'probe')} as designed."


def _migrations(seen: Seen) -> tuple[Verdict, str]:
    proof = seen.proof
    if proof is None:
        return "not proved", "No revision was run."
    if not proof.passed:
        what = proof.failure.message if proof.failure else "; ".join(proof.differences[:3])
        return "not met", f"Revision {proof.revision} did not pass its proof: {what}"
    return "met", (
        f"Revisions up to {proof.revision} ran up, down and up again on rows: "
        "equal catalogs, equal row hashes."
    )


def _performance(seen: Seen) -> tuple[Verdict, str]:
    if seen.performance is None:
        return "not proved", "No query was measured."
    with_sla = [m for m in seen.performance.measurements if m.sla is not None]
    missed = [m.query for m in with_sla if m.verdict == "missed"]
    if missed:
        return "not met", f"The SLA is missed by {_names(missed)}."
    if seen.design is not None:
        unmapped = [
            requirement.id
            for requirement in seen.design.requirements
            if requirement.kind == "sla"
            and requirement.about_data
            and not any(element.startswith("query:") for element in requirement.elements)
        ]
        if unmapped:
            return "not proved", f"No query stands for the SLA of {_names(unmapped)}."
        timed = [f"line {u.line}" for u in seen.design.unread if states_latency(u.text)]
        if timed:
            return "not proved", f"A response time was not read: {_names(timed)}."
    unproved = [m for m in with_sla if m.verdict == "not_proved"]
    if unproved:
        return "not proved", f"{_names(m.query for m in unproved)}: {unproved[0].reason}"
    if not with_sla:
        asked = seen.design is not None and any(
            query.sla is not None for query in seen.design.workload
        )
        if asked:
            return "not proved", "No query with an SLA was measured."
        elsewhere = [
            requirement.id
            for requirement in (seen.design.requirements if seen.design else ())
            if requirement.kind == "sla" or states_latency(requirement.text)
        ]
        if elsewhere:
            return "not proved", f"No query was measured for {_names(elsewhere)}."
        return "not proved", "No SLA was found in the PRD; the times measured are in the report."
    closest = max(with_sla, key=_share)
    where = seen.performance.server
    if seen.performance.machine:
        where += f" on {seen.performance.machine}, shared with the clients"
    sla = closest.sla or Sla(target_ms=1.0)
    return "met", (
        f"{_count(len(with_sla), 'SLA')} met; the closest is {closest.query} with "
        f"p{sla.percentile} {_time_of(closest):.1f} ms of {sla.target_ms:g} ms ({where})."
    )


def _share(measurement: QueryMeasurement) -> float:
    """How much of its objective a query uses up: above 1 it is missed."""
    target_ms = measurement.sla.target_ms if measurement.sla else 1.0
    return _time_of(measurement) / target_ms


def _time_of(measurement: QueryMeasurement) -> float:
    """The time at the percentile that the objective names, in ms."""
    percentile = measurement.sla.percentile if measurement.sla else 95
    return {
        50: measurement.p50_ms,
        90: measurement.p90_ms,
        95: measurement.p95_ms,
        99: measurement.p99_ms,
    }[percentile]


def _recovery(seen: Seen) -> tuple[Verdict, str]:
    drill = seen.drill
    if drill is None:
        return "not proved", "No recovery was drilled."
    if not drill.passed:
        failed = [step.name for step in drill.steps if not step.passed]
        return "not met", f"The drill failed at {_names(failed) or 'its end'}."
    if not any(path.endswith("backup-and-recovery.md") for path in seen.documents):
        return "not proved", "The drill passed; the runbook was not written."
    if seen.design is not None:
        objectives = seen.design.objectives
        for name, stated, measured in (
            ("RPO", objectives.rpo_seconds, drill.rpo_seconds),
            ("RTO", objectives.rto_seconds, drill.rto_seconds),
        ):
            if stated is None:
                continue
            if measured is None:
                return "not proved", f"The {name} was not measured."
            if measured > stated:
                return "not met", f"{name} measured {measured:.1f} s, stated {stated} s."
    rto = "" if drill.rto_seconds is None else f" in {drill.rto_seconds:.1f} s"
    return "met", f"Backup, point-in-time recovery and dump restored equal rows{rto}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _names(names: Iterable[str], most: int = 5) -> str:
    listed = list(dict.fromkeys(names))
    rest = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {rest} more" if rest > 0 else "")
