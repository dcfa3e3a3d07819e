"""Parameter values for the workload, drawn from the loaded rows with their skew.

All parameters that come from one relation come from one row, so that a query with several of them
finds something. Where rows belong to tenants, everything comes from one tenant, who is drawn along.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

import psycopg

from ..domain.design import Design, Relation
from ..domain.expressions import Query
from ..domain.identifiers import quote, quote_literal
from ..domain.types import base_type, canonical_type, family
from ..domain.workload import Parameter, WorkloadQuery
from ..errors import DesignError
from .links import tenant_column

_DURATION = re.compile(
    r"([+-]?)(P(?=[\dT])(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?)"
)
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_POOL_ROWS = 2_000


@dataclass(frozen=True)
class Draw:
    """One execution: texts of the parameters, and the tenant it runs for ("" for none)."""

    values: dict[str, str]
    tenant: str = ""


@dataclass
class Sampler:
    """Draws parameters of queries from the rows behind a superuser's connection."""

    connection: psycopg.Connection
    design: Design
    seed: int
    _pools: dict[tuple[str, ...], list[tuple[str | None, ...]]] = field(default_factory=dict)

    def draws(self, query: WorkloadQuery, parsed: Query, count: int) -> list[Draw]:
        """`count` draws for a query; fewer different ones where there are few rows.

        Raises DesignError where a parameter has no source, or the source has no rows.
        """
        chance = random.Random(f"{self.seed}:{query.name}")
        parameters = {p.name: p for p in query.parameters}
        missing = [name for name in parsed.parameters if name not in parameters]
        if missing:
            raise DesignError(
                f"Query {query.name} has no source for its parameter {missing[0]!r}.",
                hint="Name the relation and the column that its values come from.",
                element=f"query:{query.name}",
            )
        used = [parameters[name] for name in parsed.parameters]
        sources = list(dict.fromkeys(p.relation for p in used))
        tenanted = [n for n in (*sources, *parsed.relations) if self._tenant_column(n)]
        anchor = tenanted[0] if tenanted else ""
        order = [anchor] if anchor else []
        order += [name for name in sources if name != anchor]
        return [
            self._draw(query, parsed, used, order, bool(anchor), chance, place)
            for place in range(count)
        ]

    def _draw(
        self,
        query: WorkloadQuery,
        parsed: Query,
        used: list[Parameter],
        order: list[str],
        tenanted: bool,
        chance: random.Random,
        place: int,
    ) -> Draw:
        values: dict[str, str] = {}
        tenant = ""
        for name in order:
            listed = [p for p in used if p.relation == name]
            pool = self._pool(query, name, listed, tenant)
            row = pool[chance.randrange(len(pool))]
            if tenanted and not tenant:
                tenant = row[0] or ""
            values |= {p.name: row[1 + i] or "" for i, p in enumerate(listed)}
        if parsed.kind == "insert":
            values |= self._fresh(parsed, used, values, place)
        return Draw(values, tenant)

    def _pool(
        self, query: WorkloadQuery, name: str, parameters: list[Parameter], tenant: str
    ) -> list[tuple[str | None, ...]]:
        """Rows to draw from: the tenant's key, then the parameters' texts."""
        relation = self.design.find(name)
        if relation is None:
            raise DesignError(
                f"Query {query.name} draws from {name!r}, which is not a relation.",
                element=f"query:{query.name}",
            )
        column = self._tenant_column(name)
        within = tenant if column else ""
        key = (name, within, *(p.model_dump_json() for p in parameters))
        if key not in self._pools:
            self._pools[key] = self._read(query, relation, parameters, column, within)
        return self._pools[key]

    def _read(
        self,
        query: WorkloadQuery,
        relation: Relation,
        parameters: list[Parameter],
        tenant: str | None,
        within: str,
    ) -> list[tuple[str | None, ...]]:
        texts = [f"t.{quote(tenant)}::text" if tenant else "NULL::text"]
        texts += [_expression(query, relation, p) for p in parameters]
        conditions = []
        for parameter in parameters:
            conditions.append(f"t.{quote(parameter.column)} IS NOT NULL")
        if tenant and within:
            conditions.append(f"t.{quote(tenant)}::text = {quote_literal(within)}")
        where = " AND ".join(conditions) or "true"
        size = self.connection.execute(
            "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass(%s)",
            (quote(relation.name),),
        ).fetchone()
        rows = int(size[0]) if size else 0
        share = 100.0 if within or rows <= 4 * _POOL_ROWS else 400.0 * _POOL_ROWS / rows
        for percent in dict.fromkeys((share, 100.0)):
            sample = f" TABLESAMPLE BERNOULLI ({percent:.6f}) REPEATABLE ({self.seed})"
            found = self.connection.execute(
                f"SELECT {', '.join(texts)} FROM {quote(relation.name)} AS t{sample} "
                f"WHERE {where} ORDER BY hashtextextended(t.ctid::text, {self.seed}) "
                f"LIMIT {_POOL_ROWS}".encode()
            ).fetchall()
            if found:
                return found
        raise DesignError(
            f"Query {query.name} draws from {relation.name}, which has no fitting rows.",
            hint="Load rows first, or draw from another relation.",
            element=f"query:{query.name}",
        )

    def _fresh(
        self, parsed: Query, used: list[Parameter], values: dict[str, str], place: int
    ) -> dict[str, str]:
        """Values that no row has yet, for the keys of a relation that a query inserts into."""
        target = self.design.find(parsed.relations[0]) if parsed.relations else None
        if target is None:
            return {}
        alone = {target.primary_key, *(u.columns for u in target.uniques)}
        fresh = {}
        for parameter in used:
            if parameter.relation != target.name or (parameter.column,) not in alone:
                continue
            if any(parameter.column in key.columns for key in target.foreign_keys):
                continue
            kind = family(canonical_type(target.column(parameter.column).type))
            text = values[parameter.name]
            if kind == "text":
                fresh[parameter.name] = f"{text[:40]}-{self.seed}-{place}"
            elif kind == "uuid":
                fresh[parameter.name] = f"{random.Random(place).getrandbits(128):032x}"
            elif kind in ("integer", "numeric"):
                fresh[parameter.name] = str(1_000_000_000 + place)
        return fresh

    def _tenant_column(self, name: str) -> str | None:
        relation = self.design.find(name)
        return tenant_column(self.design, relation) if relation else None


def parameter_types(design: Design, query: WorkloadQuery) -> dict[str, str]:
    """Parameter name → the type that its text is cast to (without a length)."""
    types = {}
    for parameter in query.parameters:
        relation = design.find(parameter.relation)
        column = relation.find(parameter.column) if relation else None
        if column is None:
            raise DesignError(
                f"Query {query.name} draws from {parameter.relation}.{parameter.column}, "
                "which does not exist.",
                element=f"query:{query.name}",
            )
        kind = canonical_type(column.type)
        if parameter.template is not None or parameter.limit is not None or kind[:4] == "char":
            types[parameter.name] = "text"
        else:
            types[parameter.name] = base_type(kind) + ("[]" if kind.endswith("[]") else "")
    return types


def _expression(query: WorkloadQuery, relation: Relation, parameter: Parameter) -> str:
    """SQL of the parameter's text: the column, shifted, cut and wrapped."""
    column = relation.find(parameter.column)
    if column is None:
        raise DesignError(
            f"Query {query.name} draws from {relation.name}.{parameter.column}, "
            "which does not exist.",
            element=f"query:{query.name}",
        )
    kind = canonical_type(column.type)
    sql = f"t.{quote(column.name)}"
    if parameter.shift is not None:
        duration, number = _DURATION.fullmatch(parameter.shift), _NUMBER.fullmatch(parameter.shift)
        if duration:
            sign = "-" if duration[1] == "-" else "+"
            sql = f"({sql} {sign} interval {quote_literal(duration[2])})::{kind}"
        elif number:
            sql = f"({sql} + {parameter.shift})"
        else:
            raise DesignError(
                f"Query {query.name} shifts {parameter.name} by {parameter.shift[:40]!r}.",
                hint='Write an ISO 8601 duration ("P30D", "-P1M") or a number.',
                element=f"query:{query.name}",
            )
    text = f"{sql}::text"
    if parameter.limit is not None:
        text = f"left({text}, {max(0, parameter.limit)})"
    if parameter.template is not None:
        text = f"replace({quote_literal(parameter.template)}, '{{}}', {text})"
    return text
