"""What the steps leave behind in `evidence/reports/`: one value a step."""

from __future__ import annotations

from .base import Value
from .findings import Finding
from .measurement import IndexTrial, LoadedRelation, Probe, QueryMeasurement
from .plan import RelationVolume


class DesignCheck(Value):
    """The findings on the design that went on to migrate."""

    findings: tuple[Finding, ...] = ()
    repairs: tuple[str, ...] = ()


class ProbeReport(Value):
    """Executed constraint and policy probes."""

    probes: tuple[Probe, ...] = ()


class PerformanceReport(Value):
    """Volumes that were loaded and the times that were measured on them.

    `machine` says what the server and its clients shared, such as "AMD EPYC x 2".
    """

    server: str
    machine: str = ""
    volumes: tuple[RelationVolume, ...] = ()
    loaded: tuple[LoadedRelation, ...] = ()
    measurements: tuple[QueryMeasurement, ...] = ()
    samples_per_query: int = 0


class TuningHistory(Value):
    """Every index that was tried, over all rounds, and advice where indexes were not enough."""

    trials: tuple[IndexTrial, ...] = ()
    advice: tuple[str, ...] = ()
