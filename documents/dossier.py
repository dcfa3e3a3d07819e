"""The dossier: everything that the documents of one run are written from."""

from __future__ import annotations

from ..domain.apply import ApplyPlan, ApplyReport
from ..domain.base import Value
from ..domain.catalog import Catalog
from ..domain.design import Design
from ..domain.evidence import Criterion, Environment, Record
from ..domain.findings import Finding
from ..domain.measurement import (
    DrillReport,
    IndexTrial,
    LoadedRelation,
    Probe,
    QueryMeasurement,
    RevisionProof,
)
from ..domain.recovery import RestoreReport, RetentionReport
from ..domain.reports import PerformanceReport, TuningHistory
from ..domain.revision import Revision

# Where no record speaks of one thing alone, the record of its whole kind does.
_KINDS = {"revision": "proof", "query": "performance", "trial": "tuning", "probe": "probes"}


class Dossier(Value):
    """All that a run knows, for the documents. Every field but the design may be missing.

    `catalog` is the live catalog of the finished database: every table, column, constraint, index
    and policy in the documents comes from it; the design only lends words. `proof` is that of the
    newest history. `evidence` pairs a topic with the id of a record (see `evidence_for`).
    `plan` and `applied` are for a user's own database alone. `server` names the server where no
    report does. `artefacts` are further files of the workspace
    worth opening, as (path, what it is).
    """

    design: Design
    catalog: Catalog | None = None
    criteria: tuple[Criterion, ...] = ()
    findings: tuple[Finding, ...] = ()
    revisions: tuple[Revision, ...] = ()
    proof: RevisionProof | None = None
    probes: tuple[Probe, ...] = ()
    performance: PerformanceReport | None = None
    tuning: TuningHistory | None = None
    drill: DrillReport | None = None
    restore: RestoreReport | None = None
    retention: RetentionReport | None = None
    plan: ApplyPlan | None = None
    applied: ApplyReport | None = None
    records: tuple[Record, ...] = ()
    evidence: tuple[tuple[str, str], ...] = ()
    server: str = ""
    thread_id: str = ""
    artefacts: tuple[tuple[str, str], ...] = ()
    ledger_path: str = "evidence/ledger.jsonl"

    @property
    def measurements(self) -> tuple[QueryMeasurement, ...]:
        """The measured queries."""
        return self.performance.measurements if self.performance else ()

    @property
    def loaded(self) -> tuple[LoadedRelation, ...]:
        """The rows that the queries were measured on."""
        return self.performance.loaded if self.performance else ()

    @property
    def trials(self) -> tuple[IndexTrial, ...]:
        """The indexes that were tried."""
        return self.tuning.trials if self.tuning else ()

    @property
    def server_name(self) -> str:
        """The server that the figures are from, for people; "" where none was seen."""
        if self.server:
            return self.server
        if self.performance and self.performance.server:
            return self.performance.server
        return f"PostgreSQL {self.catalog.server_version}" if self.catalog else ""

    def environment_of(self, *topics: str) -> Environment | None:
        """Where the newest record of the topics was made."""
        ids = self.evidence_for(*topics)
        found = [r.environment for r in self.records if r.id in ids and r.environment]
        return found[-1] if found else None

    def evidence_for(self, *topics: str) -> tuple[str, ...]:
        """The ids of the records that show the topics, in ledger order.

        A topic is the name of a report (`design`, `proof`, `rollback`, `probes`, `performance`,
        `tuning`, `drill`, `restore`, `retention`, `approve`, `apply`, `documents`), or a kind and
        a name (`revision:0001`, `query:list_orders`, `trial:ix_orders_placed_at`,
        `probe:constraint:orders.ck_total`), which is answered by the report of its kind where no
        record is named for it alone. An id that the dossier holds no record of is left out: it
        would be a claim without proof.
        """
        found: set[str] = set()
        for topic in topics:
            ids = {id for key, id in self.evidence if key == topic}
            general = _KINDS.get(topic.partition(":")[0], "")
            found |= ids or {id for key, id in self.evidence if key == general}
        return tuple(record.id for record in self.records if record.id in found)

    def records_of(self, step: str) -> tuple[Record, ...]:
        """What a step of the run wrote down."""
        return tuple(record for record in self.records if record.step == step)
