"""What the design promises beside its tables: tenancy, roles, retention, objectives, volumes."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from ..domain.design import Design, Relation
from ..domain.findings import Finding
from ..domain.types import family
from ..domain.workload import WorkloadQuery
from .reading import is_duration, nullable, target_columns, types_of

_SETTING = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)+")


def check_tenancy(design: Design) -> Iterator[Finding]:
    """tenancy: the tenants' relation exists and each tenant column is a reference to it."""
    tenancy = design.tenancy
    home = None if tenancy is None else design.find(tenancy.relation)
    if tenancy is not None:
        if home is None:
            yield _tenancy(
                f"relation:{tenancy.relation}", "The tenants' relation is not in the design."
            )
        elif len(home.primary_key) != 1:
            yield _tenancy(f"relation:{home.name}", "The tenants' key is not one column.")
        if not _SETTING.fullmatch(tenancy.setting):
            yield _tenancy(
                f"relation:{tenancy.relation}",
                f"{tenancy.setting[:60]!r} is no name of a setting, such as app.tenant_id.",
            )
    for relation in design.relations:
        name = relation.tenant_column
        if name is None:
            continue
        element = f"column:{relation.name}.{name}"
        if tenancy is None:
            yield _tenancy(element, "A tenant column, but the design has no tenancy.")
        elif relation.find(name) is None:
            yield _tenancy(element, "The tenant column does not exist.")
        elif nullable(relation, name):
            yield _tenancy(element, "The tenant column may be null: such a row belongs to nobody.")
        elif not _is_tenant(design, relation, name, tenancy.relation):
            yield _tenancy(element, f"The tenant column is no foreign key to {tenancy.relation}.")


def _is_tenant(
    design: Design,
    relation: Relation,
    name: str,
    home: str,
    seen: frozenset[tuple[str, str]] = frozenset(),
) -> bool:
    """True where the column refers to the tenants, itself or as a part of a key that carries it."""
    if relation.name == home and relation.primary_key == (name,):
        return True
    for key in relation.foreign_keys:
        there = dict(zip(key.columns, target_columns(design, key), strict=False)).get(name)
        target = design.find(key.references)
        if there is None or target is None or (target.name, there) in seen:
            continue
        if target.name == home and target.primary_key == (there,):
            return True
        if _is_tenant(design, target, there, home, seen | {(target.name, there)}):
            return True
    return False


def check_tenant_references(design: Design) -> Iterator[Finding]:
    """S1 a reference to the tenants and no row security; K12 a reference across tenants."""
    if design.tenancy is None:
        return
    for relation in design.relations:
        if relation.name == design.tenancy.relation:
            continue
        for key in relation.foreign_keys:
            element = f"relation:{relation.name}"
            if relation.tenant_column is None:
                if key.references == design.tenancy.relation:
                    yield Finding(
                        rule="S1", severity="warning", element=element,
                        message="Its rows belong to a tenant, but no row security is asked for.",
                        remediation="Set its tenant column.",
                    )  # fmt: skip
                continue
            target = design.find(key.references)
            if (
                target is not None
                and target.name != design.tenancy.relation
                and target.tenant_column is not None
                and relation.tenant_column not in key.columns
            ):
                yield Finding(
                    rule="K12", severity="warning",
                    element=f"column:{relation.name}.{key.columns[0]}" if key.columns else element,
                    message=f"It can refer to another tenant's row of {target.name}.",
                    remediation=f"Refer with ({relation.tenant_column}, …) to a unique key of "
                    f"{target.name} that carries the tenant.",
                )  # fmt: skip


def check_roles(design: Design) -> Iterator[Finding]:
    """reference: roles speak of relations that exist."""
    names = {relation.name for relation in design.relations}
    for role in design.roles:
        for name in dict.fromkeys((*role.select, *role.insert, *role.update, *role.delete)):
            if name not in names:
                yield Finding(
                    rule="reference", severity="error", element=f"role:{role.name}",
                    message=f"The role may use {name!r}, which is not in the design.",
                    remediation="Name relations of the design.",
                )  # fmt: skip


def check_retention(design: Design) -> Iterator[Finding]:
    """retention: a period that is one, and a clock that tells time; L1: personal data has one."""
    for relation in design.relations:
        retention = relation.retention
        element = f"retention:{relation.name}"
        if retention is None:
            personal = [
                column.name
                for column in relation.columns
                if column.classification in ("personal", "sensitive")
            ]
            if personal:
                yield Finding(
                    rule="L1", severity="warning", element=f"relation:{relation.name}",
                    message=f"{personal[0]} is about a person, and nothing says how long it stays.",
                    remediation="State a retention, or ask.",
                )  # fmt: skip
            continue
        if retention.action == "keep" and not retention.period:
            continue
        if not is_duration(retention.period):
            yield _retention(
                element, f"{retention.period[:40]!r} is no period.", "Write P7Y or P90D."
            )
        if retention.action == "keep":
            continue
        clock = retention.clock_column
        if clock is None:
            message = "Nothing starts the period."
            yield _retention(element, message, "Name a clock column, such as created_at.")
            continue
        known = types_of(relation).get(clock)
        if relation.find(clock) is None:
            message = f"The clock column {clock!r} does not exist."
            yield _retention(element, message, "Name a column of the relation.")
        elif known is not None and family(known) not in ("timestamp", "date"):
            message = f"The clock column {clock} is {known}."
            yield _retention(element, message, "Name a timestamp or a date.")
        elif nullable(relation, clock):
            yield Finding(
                rule="retention", severity="warning", element=element,
                message=f"Rows without {clock} stay for ever.",
                remediation="Make the clock column not null, if that is not meant.",
            )  # fmt: skip


def check_objectives(design: Design) -> Iterator[Finding]:
    """sla: objectives and volumes are above zero, and none contradicts another."""
    objectives = design.objectives
    if objectives.rpo_seconds is not None and objectives.rpo_seconds < 0:
        yield _sla("objective:rpo", f"An RPO of {objectives.rpo_seconds} s is not possible.")
    if objectives.rto_seconds is not None and objectives.rto_seconds <= 0:
        yield _sla("objective:rto", f"An RTO of {objectives.rto_seconds} s is not possible.")
    for relation in design.relations:
        if relation.volume is not None and relation.volume.rows < 0:
            yield _sla(f"relation:{relation.name}", f"{relation.volume.rows} rows: below zero.")
    groups: dict[tuple[str, int | None], list[WorkloadQuery]] = defaultdict(list)
    for query in design.workload:
        if query.sla is None:
            continue
        element, target = f"query:{query.name}", query.sla.target_ms
        if not 0 < target < math.inf:
            yield _sla(element, f"A target of {target:g} ms is not possible.")
        if query.sla.concurrency is not None and query.sla.concurrency < 1:
            yield _sla(element, f"{query.sla.concurrency} clients are not possible.")
        rate = query.sla.rate_per_second
        if rate is not None and not 0 < rate < math.inf:
            yield _sla(element, f"A rate of {rate:g} per second is not possible.")
        text = " ".join(query.sql.lower().split()).rstrip("; ")
        groups[(text, query.sla.concurrency)].append(query)
    for same in groups.values():
        yield from _contradictions(same)


def _contradictions(same: list[WorkloadQuery]) -> Iterator[Finding]:
    """Two objectives for one query that cannot both be meant."""
    ordered = sorted(
        ((query.sla.percentile, query.sla.target_ms, query) for query in same if query.sla),
        key=lambda entry: entry[0],
    )
    for (percentile, target, first), (other, limit, query) in pairwise(ordered):
        if percentile == other and target != limit:
            yield _sla(
                f"query:{query.name}",
                f"p{other} below {limit:g} ms contradicts p{percentile} below {target:g} ms "
                f"for {first.name}, the same query.",
            )
        elif limit < target:
            yield _sla(
                f"query:{query.name}",
                f"p{other} below {limit:g} ms contradicts p{percentile} below {target:g} ms: "
                "the higher percentile has the lower target.",
            )


def _tenancy(element: str, message: str) -> Finding:
    return Finding(
        rule="tenancy", severity="error", element=element, message=message,
        remediation="Give it a not-null foreign key to the tenants' relation, "
        "or take it out of the tenancy.",
    )  # fmt: skip


def _retention(element: str, message: str, remediation: str) -> Finding:
    return Finding(
        rule="retention", severity="error", element=element, message=message,
        remediation=remediation,
    )  # fmt: skip


def _sla(element: str, message: str) -> Finding:
    return Finding(
        rule="sla", severity="error", element=element, message=message,
        remediation="Correct the figure, or ask which one holds.",
    )  # fmt: skip


RULES = (check_tenancy, check_tenant_references, check_roles, check_retention, check_objectives)
