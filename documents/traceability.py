"""From a requirement to what serves it in the live catalog, to what tested it."""

from __future__ import annotations

from ..domain.naming import check_name
from ..domain.requirements import Requirement
from .dossier import Dossier
from .markdown import NOT_MEASURED, Linker, Md, code, codes, count, inline, joined, milliseconds
from .markdown import seconds as duration


def split_element(element: str) -> tuple[str, str, str]:
    """`constraint:orders.ck_total` → ("constraint", "orders", "ck_total")."""
    kind, _, rest = element.partition(":")
    first, _, second = rest.partition(".")
    return kind, first, second


def in_catalog(dossier: Dossier, element: str) -> bool | None:
    """Whether the live catalog holds the element; None where a catalog cannot say."""
    catalog = dossier.catalog
    if catalog is None:
        return None
    kind, name, part = split_element(element)
    if kind == "index":
        wanted = part or name
        return any(index.name == wanted for table in catalog.tables for index in table.indexes)
    if kind == "role":
        return any(grant[0] == name for table in catalog.tables for grant in table.grants)
    if kind not in ("relation", "column", "constraint", "policy"):
        return None
    table = next((table for table in catalog.tables if table.name == name), None)
    if table is None or kind == "relation":
        return table is not None
    if kind == "column":
        return any(column.name == part for column in table.columns)
    if kind == "policy":
        return table.row_security and any(part in ("", p.name) for p in table.policies)
    # A partial unique rule is an index to PostgreSQL, and NOT NULL is a column's property.
    return part in {c.name for c in table.constraints} | {i.name for i in table.indexes}


def tested(dossier: Dossier, element: str, link: Linker) -> Md:
    """What tried the element on a server, with its records; "" where nothing did."""
    kind, name, _ = split_element(element)
    probes = [probe for probe in dossier.probes if probe.element == element]
    if probes:
        good = sum(probe.passed for probe in probes)
        words = f"{good} of {count(len(probes), 'probe')} as designed"
        return joined((words, link.evidence(dossier.evidence_for(f"probe:{element}"))))
    if kind == "query":
        for measured in dossier.measurements:
            if measured.query == name and measured.failure is not None:
                return joined((Md("**failed**"), link.evidence(dossier.evidence_for(element))))
            if measured.query == name:
                p95 = milliseconds(measured.p95_ms)
                words = f"p95 {p95} with {count(measured.clients, 'client')}"
                return joined((words, link.evidence(dossier.evidence_for(f"query:{name}"))))
    if kind == "objective" and dossier.drill is not None:
        value = dossier.drill.rpo_seconds if name == "rpo" else dossier.drill.rto_seconds
        if value is not None:
            words = f"{name.upper()} of {duration(value)} in the drill"
            return joined((words, link.evidence(dossier.evidence_for("drill"))))
    if kind == "retention":
        for entry in dossier.retention.proofs if dossier.retention else ():
            if entry.relation == name and entry.rows:
                words = f"drilled on {count(entry.rows, 'row')}" if entry.passed else "**failed**"
                return joined((words, link.evidence(dossier.evidence_for("retention"))))
    return Md("")


def named_elements(dossier: Dossier, elements: tuple[str, ...]) -> Md:
    """Element references; a check whose name is a hash is shown with its rule."""
    return Md(", ".join(_named(dossier, element) for element in elements) or "–")


def _named(dossier: Dossier, element: str) -> str:
    kind, name, part = split_element(element)
    relation = dossier.design.find(name) if kind == "constraint" else None
    if relation is not None:
        for check in relation.checks:
            if check.name is None and check_name(relation, check) == part:
                return f"{code(element)}: {code(check.expression)}"
    return code(element)


def requirement_rows(dossier: Dossier, link: Linker) -> list[tuple[str, ...]]:
    """Rows of requirement, what serves it, whether it stands in the catalog, what tested it."""
    return [_row(dossier, requirement, link) for requirement in dossier.design.requirements]


def _row(dossier: Dossier, requirement: Requirement, link: Linker) -> tuple[str, ...]:
    about = (
        inline(requirement.id),
        joined((requirement.text, Md(f"(line {requirement.source.line})"))),
    )
    if not requirement.about_data:
        return (*about, Md("–"), Md("not about data"), Md("–"))
    if not requirement.elements:
        return (*about, Md("**nothing serves it**"), Md("–"), Md(NOT_MEASURED))
    stands = {element: in_catalog(dossier, element) for element in requirement.elements}
    missing = [element for element, there in stands.items() if there is False]
    seen = [element for element, there in stands.items() if there]
    if missing:
        catalog = Md("**missing:** " + codes(missing))
    elif seen:
        catalog = Md("yes") if len(seen) == len(stands) else Md(f"yes ({len(seen)})")
    else:
        catalog = Md("–" if dossier.catalog else "no catalog was read")
    proofs = []
    for element in requirement.elements:
        found = tested(dossier, element, link)
        if found:
            proofs.append(Md(f"{code(element)}: {found}") if len(stands) > 1 else found)
    if not proofs and seen and not missing:
        evidence = link.evidence(dossier.evidence_for("proof"))
        proof = joined(("built", evidence)) if evidence else Md(NOT_MEASURED)
    else:
        proof = joined(proofs, "; ", NOT_MEASURED)
    return (*about, named_elements(dossier, requirement.elements), catalog, proof)
