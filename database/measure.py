"""Measured queries: real plans and real times on loaded rows, judged against their SLAs.

A query runs with parameters drawn from the rows, first once under EXPLAIN (ANALYZE, BUFFERS), then
again and again under the clock: client side, prepared, all rows fetched, after a warm-up. Writes
are rolled back. Where the SLA states clients or a rate, that many clients run it at once and their
latencies are judged; see `clients`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from statistics import median

import psycopg

from ..domain.design import Design
from ..domain.findings import Failure
from ..domain.measurement import QueryMeasurement
from ..domain.plan import Budget, RelationVolume
from ..domain.progress import Report, silent
from ..domain.workload import WorkloadQuery
from ..errors import DesignError
from .clients import clients_for, run_clients
from .plans import blocks, summary
from .sampling import Draw, Sampler
from .server import Server
from .sessions import Prepared, Session, prepare, session_role

# Fewer samples than this say little about the percentile.
_SAMPLES_FOR = {50: 10, 90: 20, 95: 40, 99: 100}
_LEAST_SAMPLES = 5
_WARM_UPS = 3
_WARM_UP_SECONDS = 0.5
_PATIENCE_SECONDS = 10.0
_CURIOUS_SECONDS = 1.0
_TIMEOUT = "57014"


def measure(
    server: Server,
    database: str,
    design: Design,
    queries: Sequence[WorkloadQuery],
    *,
    budget: Budget,
    seed: int,
    volumes: Sequence[RelationVolume],
    report: Report = silent,
) -> tuple[QueryMeasurement, ...]:
    """Measure each query on the loaded database, in the application's role.

    A query that cannot run is a value with its `failure`. `volumes` tell which relations hold
    fewer rows than stated: an objective that is met there is "not_proved".
    """
    found = []
    with server.connect(database) as plain, server.connect(database) as connection:
        sampler = Sampler(plain, design, seed)
        session = Session(connection, design, statement_seconds=budget.statement_seconds)
        measurer = _Measurer(server, database, design, budget, seed, sampler, session)
        for query in queries:
            one = measurer.measure(query, {v.relation: v for v in volumes if v.capped})
            report(
                "query measured",
                query=one.query,
                p95_ms=round(one.p95_ms, 3),
                clients=one.clients,
                verdict=one.verdict,
            )
            found.append(one)
    return tuple(found)


def percentile(times_ms: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile; 0 of nothing.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 50)
    2.0
    """
    if not times_ms:
        return 0.0
    ranked = sorted(times_ms)
    return ranked[max(0, math.ceil(len(ranked) * percent / 100) - 1)]


class _Measurer:
    def __init__(
        self,
        server: Server,
        database: str,
        design: Design,
        budget: Budget,
        seed: int,
        sampler: Sampler,
        session: Session,
    ) -> None:
        self.server = server
        self.database = database
        self.design = design
        self.budget = budget
        self.seed = seed
        self.sampler = sampler
        self.session = session

    def measure(self, query: WorkloadQuery, capped: dict[str, RelationVolume]) -> QueryMeasurement:
        """One query, serially and with as many clients as its SLA states."""
        samples = self.budget.samples_per_query
        if query.sla is not None:
            samples = max(samples, _SAMPLES_FOR[query.sla.percentile])
        try:
            prepared = prepare(self.design, query, seed=self.seed)
            draws = self.sampler.draws(query, prepared.parsed, samples)
            role = session_role(self.sampler.connection, self.design, prepared.parsed)
        except DesignError as error:
            element = f"query:{query.name}"
            return _failed(query, Failure(kind="query", message=str(error), element=element))
        self.session.become(role)
        try:
            plan_json = self._explain(prepared, draws[0])
            times_ms, rows = self._time(prepared, draws)
        except psycopg.Error as error:
            return _failed(query, _failure(query, error), self.budget.statement_seconds)
        hit, read = blocks(plan_json)
        reasons = [] if role else ["measured as superuser: no role of the design may run it"]
        if prepared.moment:
            reasons.append(f"now() taken as {prepared.moment}, where the generated rows end")
        one = QueryMeasurement(
            query=query.name,
            sql=query.sql,
            rows=round(median(rows)),
            shared_hit_blocks=hit,
            shared_read_blocks=read,
            plan=summary(plan_json),
            plan_json=plan_json,
            sla=query.sla,
            **_figures(times_ms),
        )
        return self._judge(one, prepared, draws, role, capped, reasons)

    def _judge(
        self,
        one: QueryMeasurement,
        prepared: Prepared,
        draws: list[Draw],
        role: str,
        capped: dict[str, RelationVolume],
        reasons: list[str],
    ) -> QueryMeasurement:
        sla = one.sla
        if sla is None:
            return one.model_copy(update={"reason": "; ".join(reasons)})
        clients = clients_for(sla, one.p50_ms)
        times_ms: Sequence[float] | None = None
        if clients > 1 or sla.rate_per_second is not None:
            ran = run_clients(
                self.server, self.database, prepared, draws, sla=sla, clients=clients, role=role,
                setting=self.session.setting, p50_ms=one.p50_ms,
                statement_seconds=self.budget.statement_seconds,
            )  # fmt: skip
            if ran.failure is not None:
                verdict = "missed" if ran.failure.sqlstate == _TIMEOUT else "not_proved"
                reasons.append(f"with {clients} clients: {ran.failure.message}")
                return one.model_copy(
                    update={"verdict": verdict, "reason": "; ".join(reasons),
                            "failure": ran.failure, "clients": clients}
                )  # fmt: skip
            if ran.reason:
                reasons.append(ran.reason)
                serial = percentile([one.p50_ms], 50)
                late = serial > sla.target_ms
                return one.model_copy(
                    update={"verdict": "missed" if late else "not_proved",
                            "reason": "; ".join(reasons)}
                )  # fmt: skip
            times_ms = ran.times_ms
            one = one.model_copy(
                update={
                    **_figures(times_ms),
                    "clients": clients,
                    "transactions_per_second": round(ran.transactions_per_second, 1),
                }
            )
        figures = {50: one.p50_ms, 90: one.p90_ms, 95: one.p95_ms, 99: one.p99_ms}
        figure = figures[sla.percentile]
        if figure > sla.target_ms:
            reasons.insert(0, f"p{sla.percentile} {figure:.2f} ms is over {sla.target_ms:g} ms")
            return one.model_copy(update={"verdict": "missed", "reason": "; ".join(reasons)})
        reached = one.transactions_per_second
        if sla.rate_per_second and reached is not None and reached < 0.9 * sla.rate_per_second:
            reasons.insert(0, f"only {reached:g} of {sla.rate_per_second:g} per second were run")
            return one.model_copy(update={"verdict": "not_proved", "reason": "; ".join(reasons)})
        short = [capped[name] for name in prepared.parsed.relations if name in capped]
        if short:
            reasons.insert(0, "; ".join(
                f"{v.relation} holds {v.rows:,} of the stated {v.stated_rows:,} rows" for v in short
            ))  # fmt: skip
            return one.model_copy(update={"verdict": "not_proved", "reason": "; ".join(reasons)})
        return one.model_copy(update={"verdict": "met", "reason": "; ".join(reasons)})

    def _explain(self, prepared: Prepared, draw: Draw) -> str:
        self.session.enter(draw)
        with self.session.connection.transaction(force_rollback=True):
            return self.session.explain(prepared, draw)

    def _time(self, prepared: Prepared, draws: list[Draw]) -> tuple[list[float], list[int]]:
        """Times in milliseconds and numbers of rows, after a warm-up.

        A slow query is run less often, the more so where no objective waits for its percentile.
        """
        patience = _PATIENCE_SECONDS if prepared.query.sla else _CURIOUS_SECONDS
        return time_draws(
            self.session,
            prepared,
            draws,
            patience_seconds=min(patience, self.budget.statement_seconds),
        )


def time_draws(
    session: Session,
    prepared: Prepared,
    draws: Sequence[Draw],
    *,
    patience_seconds: float,
    least: int = _LEAST_SAMPLES,
) -> tuple[list[float], list[int]]:
    """Times in milliseconds and numbers of rows of a query, one for each draw.

    Warm-ups come first, fewer for a slow query. Once there are `least` samples, no more are taken
    after `patience_seconds`.
    """
    times_ms: list[float] = []
    rows: list[int] = []
    begun = time.perf_counter()
    warm_ups = min(_WARM_UPS, len(draws) - 1)
    for place, draw in enumerate([*draws[:warm_ups], *draws]):
        warm_up = place < warm_ups
        if warm_up and place and time.perf_counter() - begun > _WARM_UP_SECONDS:
            continue
        session.enter(draw)
        if prepared.writes:
            with session.connection.transaction(force_rollback=True):
                started = time.perf_counter()
                count = session.run(prepared, draw)
                ended = time.perf_counter()
        else:
            started = time.perf_counter()
            count = session.run(prepared, draw)
            ended = time.perf_counter()
        if not warm_up:
            times_ms.append((ended - started) * 1000)
            rows.append(count)
        if len(times_ms) >= least and time.perf_counter() - begun > patience_seconds:
            break
    return times_ms, rows


def _figures(times_ms: Sequence[float]) -> dict[str, float | int]:
    return {
        "samples": len(times_ms),
        "p50_ms": round(percentile(times_ms, 50), 4),
        "p90_ms": round(percentile(times_ms, 90), 4),
        "p95_ms": round(percentile(times_ms, 95), 4),
        "p99_ms": round(percentile(times_ms, 99), 4),
        "max_ms": round(max(times_ms, default=0.0), 4),
    }


def _failure(query: WorkloadQuery, error: psycopg.Error) -> Failure:
    return Failure(
        kind="query",
        message=error.diag.message_primary or str(error).splitlines()[0],
        sqlstate=error.sqlstate or "",
        statement=query.sql,
        element=f"query:{query.name}",
        detail=error.diag.message_detail or "",
    )


def _failed(
    query: WorkloadQuery, failure: Failure, statement_seconds: float = 0.0
) -> QueryMeasurement:
    """The measurement of a query that did not end: a timeout misses, anything else is not proved.

    After a timeout the times are the least that they can be.
    """
    timeout = failure.sqlstate == _TIMEOUT
    least_ms = statement_seconds * 1000 if timeout else 0.0
    verdict = "no_sla" if query.sla is None else "missed" if timeout else "not_proved"
    return QueryMeasurement(
        query=query.name,
        sql=query.sql,
        samples=0,
        p50_ms=least_ms,
        p90_ms=least_ms,
        p95_ms=least_ms,
        p99_ms=least_ms,
        max_ms=least_ms,
        sla=query.sla,
        verdict=verdict,
        reason=f"the query did not end: {failure.message}" if timeout else failure.message,
        failure=failure,
    )
