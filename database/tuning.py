"""Index tuning by trial: candidates are built on the loaded rows, measured, and mostly dropped.

Estimates propose, measurement disposes. A candidate stays only where plans use it and the query
becomes markedly faster with the same parameters; a smaller index wins over one that is hardly
faster; in the end every kept index is taken away once more, and stays away where nothing suffers.
The database is left as it was found.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import psycopg

from ..domain.design import Design
from ..domain.measurement import IndexTrial, QueryMeasurement, TuningReport
from ..domain.naming import index_name
from ..domain.plan import Budget
from ..domain.progress import Report, silent
from ..domain.workload import WorkloadQuery
from ..errors import DesignError
from .advice import advise
from .candidates import Candidate, candidates
from .compile import compile_index
from .measure import percentile, time_draws
from .plans import blocks, indexes_used, root_of, summary
from .sampling import Draw, Sampler
from .server import Server
from .sessions import Prepared, Session, prepare, session_role
from .trial_indexes import TrialIndexes, column_facts, existing_indexes

GAIN = 0.20
_SAME = 0.10  # two times within this share of each other are the same
_NOISE_MS = 0.1
_NOISE_BLOCKS = 2.0
_DRAWS = 16
_PLANS = 4
_PATIENCE_SECONDS = 3.0
_STATEMENT_SECONDS = 5.0  # longer, and it does not matter how much longer
_ROUNDS = 3


@dataclass
class _Case:
    """A missed query: how it runs, with which parameters, and what it took so far."""

    query: WorkloadQuery
    prepared: Prepared
    draws: list[Draw]
    role: str
    target_ms: float
    percent: int
    clients: int = 1
    before_ms: float = 0.0
    now_ms: float = 0.0
    kept: list[Candidate] = field(default_factory=list)
    slowest_place: int = 0
    blocks: float = 0.0

    @property
    def slowest(self) -> Draw:
        """The draw that took longest: its plan shows most of what is wrong."""
        return self.draws[self.slowest_place]

    @property
    def met(self) -> bool:
        """It is as fast as its objective asks, as far as one client can tell."""
        return self.now_ms <= self.target_ms


def tune(
    server: Server,
    database: str,
    design: Design,
    missed: Sequence[QueryMeasurement],
    *,
    budget: Budget,
    seed: int,
    report: Report = silent,
) -> TuningReport:
    """Try candidate indexes for the missed queries on the loaded database.

    `missed` are measurements of queries in `design.workload`. Each index is built with a timeout of
    `budget.index_build_seconds`. Nothing is left in the database, whatever happens.
    """
    with server.connect(database) as plain, server.connect(database) as connection:
        seconds = min(budget.statement_seconds, _STATEMENT_SECONDS)
        session = Session(connection, design, statement_seconds=seconds)
        tuner = _Tuner(design, plain, session, budget, seed, report)
        try:
            for one in sorted(missed, key=lambda m: -m.p95_ms):
                tuner.serve(one)
            tuner.eliminate()
            return tuner.report_of(missed)
        finally:
            tuner.indexes.clean_up()


class _Tuner:
    def __init__(
        self,
        design: Design,
        plain: psycopg.Connection,
        session: Session,
        budget: Budget,
        seed: int,
        report: Report,
    ) -> None:
        self.design = design
        self.plain = plain
        self.session = session
        self.budget = budget
        self.seed = seed
        self.report = report
        self.sampler = Sampler(plain, design, seed)
        self.cases: list[_Case] = []
        self.trials: dict[tuple[str, str], IndexTrial] = {}
        self.indexes = TrialIndexes(plain, design, build_seconds=budget.index_build_seconds)
        self.kept: list[Candidate] = []
        self.notes: list[str] = []

    # -- one query -----------------------------------------------------------------------------

    def serve(self, one: QueryMeasurement) -> None:
        """Look for indexes that make a missed query meet its objective."""
        case = self._case(one)
        if case is None:
            return
        self.cases.append(case)
        case.before_ms = case.now_ms = self._time(case)
        if case.met:
            # It missed as it was measured, though alone it is fast enough: only a plan that does
            # less work gives its clients room.
            case.target_ms = case.now_ms * (1 - GAIN)
        for _ in range(_ROUNDS):
            if case.met:
                return
            best = self._best(case)
            if best is None:
                return
            self._keep(case, best)

    def _case(self, one: QueryMeasurement) -> _Case | None:
        query = next((q for q in self.design.workload if q.name == one.query), None)
        if query is None:
            self.notes.append(f"{one.query}: it is no query of the design, so nothing was tried.")
            return None
        try:
            prepared = prepare(self.design, query, seed=self.seed)
            draws = self.sampler.draws(query, prepared.parsed, _DRAWS)
            role = session_role(self.plain, self.design, prepared.parsed)
        except DesignError as error:
            self.notes.append(f"{query.name}: {error}")
            return None
        sla = query.sla
        # Clients at once share the cores: alone, the query must be that much faster.
        share = max(1.0, (sla.concurrency or 1) / 2) if sla else 1.0
        target = sla.target_ms / share if sla else 0.0
        clients = max(one.clients, (sla.concurrency or 1) if sla else 1)
        percent = sla.percentile if sla else 95
        return _Case(query, prepared, draws, role, target, percent, clients)

    def _best(self, case: _Case) -> Candidate | None:
        """Try every candidate; the one that helps most, or one as good that is smaller.

        As good means: as fast but for the machine's noise, and as few blocks read, which no noise
        changes.
        """
        tried: list[tuple[IndexTrial, float, Candidate]] = []
        for candidate in self._candidates(case):
            trial = self._try(case, candidate)
            if trial is not None and trial.used and trial.after_ms <= case.now_ms * (1 - GAIN):
                tried.append((trial, case.blocks, candidate))
        if not tried:
            return None
        fastest = min(trial.after_ms for trial, _, _ in tried) * (1 + 2 * _SAME) + _NOISE_MS
        near = [item for item in tried if item[0].after_ms <= max(fastest, case.target_ms / 2)]
        fewest = min(blocks for _, blocks, _ in near) * (1 + 2 * _SAME) + _NOISE_BLOCKS
        good = [item for item in near if item[1] <= fewest]
        return min(good, key=lambda item: (item[0].size_bytes, item[0].after_ms))[2]

    def _candidates(self, case: _Case) -> tuple[Candidate, ...]:
        self.session.become(case.role)
        plan_json = self._analyzed(case, case.slowest) or self._plan(case, case.slowest)
        return candidates(
            self.design,
            case.prepared.parsed,
            root_of(plan_json),
            existing=existing_indexes(self.plain),
            facts=column_facts(self.plain),
        )

    def _try(self, case: _Case, candidate: Candidate) -> IndexTrial | None:
        """Build an index, measure the query with it, and drop it again."""
        relation = self.design.relation(candidate.relation)
        name = index_name(relation, candidate.index)
        if (
            name in self.indexes.taken
            or name in self.indexes.built
            or (name, case.query.name) in self.trials
        ):
            return None
        try:
            statement = compile_index(relation, candidate.index, concurrently=False)
        except DesignError:
            return None  # an expression that may not be indexed
        built = self.indexes.build(candidate, name, statement.sql)
        if isinstance(built, str):
            trial = IndexTrial(
                relation=relation.name, index=candidate.index, ddl=statement.sql,
                query=case.query.name, before_ms=case.now_ms, after_ms=case.now_ms, size_bytes=0,
                build_seconds=0.0, used=False, kept=False, reason=built,
                before_stopped=case.now_ms >= self._limit_ms,
            )  # fmt: skip
            self.trials[name, case.query.name] = trial
            return trial
        seconds, size = built
        used = self._uses(case, name)
        after = case.now_ms
        if used:
            after = self._time(case)
            case.blocks = self._blocks(case)
        self.indexes.drop(name)
        gain = 1 - after / case.now_ms if case.now_ms else 0.0
        change = f"{gain:.0%} faster" if gain >= 0 else f"{-gain:.0%} slower"
        if abs(gain) < 0.005:
            change = "no faster"
        reason = change if used else "the plan does not use it"
        stopped = case.now_ms >= self._limit_ms
        if stopped:
            reason += f" (without it the query was stopped after {case.now_ms / 1000:g} s)"
        if used and 0.005 <= gain < GAIN:
            reason += f", which is less than the {GAIN:.0%} that an index must bring"
        trial = IndexTrial(
            relation=relation.name, index=candidate.index, ddl=statement.sql,
            query=case.query.name, before_ms=round(case.now_ms, 4), after_ms=round(after, 4),
            size_bytes=size, build_seconds=round(seconds, 3), used=used, kept=False, reason=reason,
            before_stopped=stopped, after_stopped=after >= self._limit_ms,
            blocks=round(case.blocks, 1) if used and math.isfinite(case.blocks) else None,
        )  # fmt: skip
        self.trials[name, case.query.name] = trial
        self.report(
            "index tried",
            index=name,
            query=case.query.name,
            before_ms=trial.before_ms,
            after_ms=trial.after_ms,
            used=used,
        )
        return trial

    def _keep(self, case: _Case, candidate: Candidate) -> None:
        relation = self.design.relation(candidate.relation)
        name = index_name(relation, candidate.index)
        self.indexes.build(candidate, name, self._ddl(candidate))
        self.kept.append(candidate)
        case.kept.append(candidate)
        case.now_ms = self._time(case)

    # -- all queries ---------------------------------------------------------------------------

    def eliminate(self) -> None:
        """Take each kept index away once more, the largest first; leave it away if nobody minds."""
        if len(self.kept) < 2:
            return
        sizes = {self._name(c): self.indexes.size(self._name(c)) for c in self.kept}
        for candidate in sorted(self.kept, key=lambda c: -sizes[self._name(c)]):
            name = self._name(candidate)
            self.indexes.drop(name)
            slower = False
            for case in self.cases:
                now = self._time(case)
                grown = now > case.now_ms * (1 + 2 * _SAME)
                # With clients at once every bit of work counts: what one of them can spare alone
                # is what the others wait for.
                spare = case.clients == 1 and now <= case.target_ms / 2
                slower |= grown and not spare
            if slower:
                self.indexes.build(candidate, name, self._ddl(candidate))
            else:
                self.kept.remove(candidate)
                for case in self.cases:
                    case.kept = [c for c in case.kept if c != candidate]
                self._note(name, "nothing is slower without it, beside the others that are kept")

    def report_of(self, missed: Iterable[QueryMeasurement]) -> TuningReport:
        """What was tried and kept, and advice for what still misses."""
        kept = []
        for candidate in self.kept:
            name = self._name(candidate)
            served = [case for case in self.cases if self._uses(case, name)]
            sentences = []
            for case in served:
                trial = self.trials.get((name, case.query.name))
                before = trial.before_ms if trial else case.before_ms
                after = trial.after_ms if trial else case.now_ms
                figure = f"p{case.percent} of {case.query.name}"
                sentences.append(f"{figure} from {before:.2f} ms to {after:.2f} ms alone")
            index = candidate.index.model_copy(
                update={
                    "serves": tuple(case.query.name for case in served),
                    "reason": "; ".join(sentences),
                }
            )
            kept.append((candidate.relation, index))
            for (other, query), trial in self.trials.items():
                if other == name and any(c.query.name == query for c in served):
                    self.trials[other, query] = trial.model_copy(update={"kept": True})
        advice = list(self.notes)
        by_name = {one.query: one for one in missed}
        for case in self.cases:
            if not case.met or not case.kept:
                plan_json = self._analyzed(case, case.slowest) or by_name[case.query.name].plan_json
                now = by_name[case.query.name].model_copy(
                    update={"plan_json": plan_json, "plan": summary(plan_json)}
                )
                if not case.met or not self._helped(case):
                    advice += advise(self.design, now)
        return TuningReport(
            trials=tuple(self.trials.values()),
            kept=tuple(kept),
            advice=tuple(dict.fromkeys(advice)),
        )

    def _helped(self, case: _Case) -> bool:
        return case.now_ms <= case.before_ms * (1 - GAIN)

    @property
    def _limit_ms(self) -> float:
        """When a query is stopped."""
        return min(self.budget.statement_seconds, _STATEMENT_SECONDS) * 1000

    # -- the server ----------------------------------------------------------------------------

    def _time(self, case: _Case) -> float:
        """The percentile of the objective over the case's draws, in ms; a timeout counts in full.

        The better of two runs of each draw: the machine's noise only ever adds.
        """
        self.session.become(case.role)
        try:
            first, _ = time_draws(
                self.session, case.prepared, case.draws, patience_seconds=_PATIENCE_SECONDS, least=2
            )
            again: list[float] = []
            if sum(first) < _PATIENCE_SECONDS * 1000 / 4:
                again, _ = time_draws(
                    self.session,
                    case.prepared,
                    case.draws,
                    patience_seconds=_PATIENCE_SECONDS,
                    least=2,
                )
        except psycopg.errors.QueryCanceled:
            return self._limit_ms
        case.slowest_place = first.index(max(first))
        # From now on with the draws that there was time for, so that like is compared with like.
        case.draws = case.draws[: len(first)]
        times = [min(pair) for pair in zip(first, again, strict=False)] or first
        return percentile(times, case.percent)

    def _plan(self, case: _Case, draw: Draw) -> str:
        self.session.become(case.role)
        self.session.enter(draw)
        with self.session.connection.transaction(force_rollback=True):
            return self.session.explain(case.prepared, draw, analyze=False)

    def _analyzed(self, case: _Case, draw: Draw) -> str:
        """The executed plan of a draw; "" where it does not end in time."""
        self.session.become(case.role)
        self.session.enter(draw)
        try:
            with self.session.connection.transaction(force_rollback=True):
                return self.session.explain(case.prepared, draw)
        except psycopg.errors.QueryCanceled:
            return ""

    def _blocks(self, case: _Case) -> float:
        """Blocks that an execution touches, on average over some draws and the slowest."""
        chosen = list({id(d): d for d in (case.slowest, *case.draws[:_PLANS])}.values())
        plans = [self._analyzed(case, draw) for draw in chosen]
        if not all(plans):
            return math.inf  # one of them does not end in time
        return sum(sum(blocks(plan_json)) for plan_json in plans) / len(plans)

    def _uses(self, case: _Case, name: str) -> bool:
        return any(name in indexes_used(self._plan(case, d)) for d in case.draws[:_PLANS])

    def _ddl(self, candidate: Candidate) -> str:
        relation = self.design.relation(candidate.relation)
        return compile_index(relation, candidate.index, concurrently=False).sql

    def _name(self, candidate: Candidate) -> str:
        return index_name(self.design.relation(candidate.relation), candidate.index)

    def _note(self, name: str, reason: str) -> None:
        for key, trial in self.trials.items():
            if key[0] == name:
                self.trials[key] = trial.model_copy(update={"reason": reason})
