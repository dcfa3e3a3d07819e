"""The foreign keys of a relation as a generator of rows sees them: links to parent rows.

A link takes the tenant along: where child and parent both belong to tenants, their tenants are
equal, whether or not the foreign key says so. Keys that close a cycle are postponed: their rows
are linked by an UPDATE once both sides are there.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..domain.design import Design, ForeignKey, Relation


@dataclass(frozen=True)
class Link:
    """A reference to one row of `parent`. `pairs` are (own column, parent's column).

    `null_columns` are set to NULL where the reference is absent; empty for a mandatory link.
    """

    number: int
    parent: str
    pairs: tuple[tuple[str, str], ...]
    null_columns: tuple[str, ...]
    to_itself: bool = False
    postponed: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The relation's own columns that the link fills."""
        return tuple(own for own, _ in self.pairs)

    @property
    def optional(self) -> bool:
        """The reference may be absent."""
        return bool(self.null_columns)

    def there(self, column: str) -> str:
        """The parent's column that fills this one."""
        return dict(self.pairs)[column]


def referenced_columns(design: Design, key: ForeignKey) -> tuple[str, ...]:
    """The columns that a foreign key points to."""
    return key.referenced_columns or design.relation(key.references).primary_key


def tenant_column(design: Design, relation: Relation) -> str | None:
    """The column that says whose rows these are, also for the relation of the tenants."""
    if relation.tenant_column is not None:
        return relation.tenant_column
    tenancy = design.tenancy
    if tenancy and tenancy.relation == relation.name and len(relation.primary_key) == 1:
        return relation.primary_key[0]
    return None


def links_of(design: Design, relation: Relation, postponed: set[tuple[str, int]]) -> list[Link]:
    """The links of a relation. `postponed` holds (relation, number of the foreign key)."""
    keys = [k for k in relation.foreign_keys if design.find(k.references) is not None]
    keys += _implied_tenant_key(design, relation)
    mandatory = set(relation.primary_key)
    mandatory |= {c for k in keys if not _nullable(relation, k) for c in k.columns}
    own_tenant = tenant_column(design, relation)
    if own_tenant:
        mandatory.add(own_tenant)
    links = []
    for number, key in enumerate(keys):
        parent = design.relation(key.references)
        pairs = list(zip(key.columns, referenced_columns(design, key), strict=True))
        their_tenant = tenant_column(design, parent)
        tenants_differ = relation.name != parent.name or own_tenant not in key.columns
        if own_tenant and their_tenant and tenants_differ and own_tenant not in key.columns:
            pairs.append((own_tenant, their_tenant))
        absent = tuple(c for c in key.columns if c not in mandatory and relation.column(c).nullable)
        links.append(
            Link(
                number=number,
                parent=parent.name,
                pairs=tuple(pairs),
                null_columns=absent,
                to_itself=parent.name == relation.name,
                postponed=(relation.name, number) in postponed,
            )
        )
    return links


def load_order(design: Design) -> tuple[list[Relation], set[tuple[str, int]]]:
    """Relations with parents first, and the foreign keys that must wait because of a cycle.

    A key that may be NULL is chosen to wait before one that may not.
    """
    postponed: set[tuple[str, int]] = set()
    left = {relation.name: relation for relation in design.relations}
    ordered: list[Relation] = []

    def open_keys(relation: Relation, optional: bool | None = None) -> list[int]:
        return [
            number
            for number, key in enumerate(
                [*relation.foreign_keys, *_implied_tenant_key(design, relation)]
            )
            if key.references in left
            and key.references != relation.name
            and (relation.name, number) not in postponed
            and (optional is None or bool(_nullable(relation, key)) == optional)
        ]

    while left:
        ready = [relation for relation in left.values() if not open_keys(relation)]
        if ready:
            for relation in ready:
                ordered.append(relation)
                del left[relation.name]
            continue
        # A cycle: let the optional keys of the relation wait that has no other reason to.
        choice = min(
            left.values(), key=lambda r: (len(open_keys(r, False)), len(open_keys(r)), r.name)
        )
        waiting = open_keys(choice) if not open_keys(choice, False) else None
        if waiting is None:
            waiting = open_keys(choice, True) or open_keys(choice, False)[:1]
        postponed |= {(choice.name, number) for number in waiting}
    return ordered, postponed


def _nullable(relation: Relation, key: ForeignKey) -> bool:
    return any(
        relation.column(c).nullable
        for c in key.columns
        if c not in relation.primary_key and c != relation.tenant_column
    )


def _implied_tenant_key(design: Design, relation: Relation) -> list[ForeignKey]:
    """A key to the tenants for a tenant column that no foreign key fills."""
    column, tenancy = relation.tenant_column, design.tenancy
    if column is None or tenancy is None or tenancy.relation == relation.name:
        return []
    tenants = design.find(tenancy.relation)
    if tenants is None or len(tenants.primary_key) != 1:
        return []
    if any(column in key.columns for key in relation.foreign_keys):
        return []
    return [ForeignKey(columns=(column,), references=tenants.name)]
