"""Row-level security and roles, as the live catalog has them."""

from __future__ import annotations

from ..domain.catalog import CatalogPolicy, CatalogTable
from ..domain.naming import application_role_name
from .dossier import Dossier
from .entities import tables_of
from .markdown import Linker, Md, code, codes, count, inline, joined, table


def policies(dossier: Dossier, link: Linker) -> Md:
    """Each policy with its test; rules that are the same on many tables are written once."""
    if dossier.catalog is None:
        return Md("No live catalog was read.")
    rules: dict[tuple[str | None, str | None], str] = {}
    rows = []
    for found in tables_of(dossier.catalog):
        for policy in found.policies:
            rule = rules.setdefault((policy.using, policy.with_check), f"P{len(rules) + 1}")
            rows.append(
                (
                    code(found.name),
                    code(policy.name),
                    Md(inline(policy.command) + ("" if found.row_security else " **(off)**")),
                    codes(policy.roles),
                    Md(rule),
                    _tested(dossier, found, policy, link),
                )
            )
    headers = ("Table", "Policy", "Command", "Roles", "Rule", "Tested")
    listed = table(headers, rows, "No table has row-level security policies.")
    if not rows:
        return listed
    words = [
        (
            Md(name),
            code(using or "") or Md("–"),
            Md("the same") if check == using else code(check or "") or Md("as for reading"),
        )
        for (using, check), name in rules.items()
    ]
    written = table(("Rule", "Rows that are seen", "Rows that may be written"), words)
    return Md(f"{_tenancy(dossier)}{listed}\n\n{written}")


def _tested(dossier: Dossier, found: CatalogTable, policy: CatalogPolicy, link: Linker) -> Md:
    elements = (f"policy:{found.name}", f"policy:{found.name}.{policy.name}")
    probes = [probe for probe in dossier.probes if probe.element in elements]
    if not probes:
        return Md("not probed")
    good = f"{sum(p.passed for p in probes)} of {count(len(probes), 'probe')} as designed"
    ids = dossier.evidence_for(*(f"probe:{probe.element}" for probe in probes))
    return joined((good, link.evidence(ids)))


def _tenancy(dossier: Dossier) -> str:
    tenancy = dossier.design.tenancy
    if tenancy is None:
        return ""
    return (
        f"Tenants are the rows of {code(tenancy.relation)}; a session says which one it works for"
        f" with {code(f'SET {tenancy.setting} = …')} (or `SET LOCAL` in a transaction). A superuser"
        " sees every row, and so does the owner of a table on which it is not forced.\n\n"
    )


def roles(dossier: Dossier) -> Md:
    """Who may do what on which tables."""
    if dossier.catalog is None:
        return Md("No live catalog was read.")
    words = {application_role_name(dossier.design): "the application"}
    words |= {role.name: role.comment for role in dossier.design.roles}
    granted: dict[str, dict[str, list[str]]] = {}
    tables = tables_of(dossier.catalog)
    for found in tables:
        for role, privilege in found.grants:
            granted.setdefault(role, {}).setdefault(privilege.lower(), []).append(found.name)
    rows = []
    for role in sorted(granted):
        # Privileges on the same tables share a line.
        together: dict[tuple[str, ...], list[str]] = {}
        for privilege, names in sorted(granted[role].items()):
            together.setdefault(tuple(names), []).append(privilege)
        for shared, privileges in together.items():
            which = Md("every table") if len(shared) == len(tables) else codes(shared)
            rows.append((code(role), inline(", ".join(privileges)), which, words.get(role, "")))
    return table(("Role", "May", "On", "Who"), rows, "No grants beyond the owner's.")
