"""Children without a parent, and children of another tenant's parent: there must be none.

Rows may go in while triggers rest; then nothing is taken on trust.
"""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from ..domain.design import Design, Relation
from ..domain.identifiers import quote
from ..domain.naming import foreign_key_name
from ..errors import DesignError
from .links import links_of, referenced_columns, tenant_column


def verify_links(connection: psycopg.Connection, design: Design) -> None:
    """Look for a child without its parent, for each foreign key and each tenant.

    Raises DesignError that names the foreign key.
    """
    for relation in design.relations:
        checked = []
        for key in relation.foreign_keys:
            parent = design.find(key.references)
            if parent is None:
                continue
            pairs = list(zip(key.columns, referenced_columns(design, key), strict=True))
            present = [own for own, _ in pairs]
            name = foreign_key_name(relation, key)
            _expect_none(connection, relation, parent.name, pairs, present, name)
            checked.append(set(pairs))
        tenant = tenant_column(design, relation)
        for link in links_of(design, relation, set()):
            if tenant in link.columns and set(link.pairs) not in checked:
                own = [c for c in link.columns if c != tenant] or list(link.columns)
                name = f"tenant of {'_'.join(own)}"
                _expect_none(connection, relation, link.parent, link.pairs, own, name)


def refusal(
    relation: Relation, constraint: str, why: str, *, hint: str = "", sqlstate: str = ""
) -> DesignError:
    """The error for a relation for which no valid rows could be made."""
    return DesignError(
        f"No valid rows could be made for {relation.name}: {constraint}. {why}",
        hint=hint,
        element=f"constraint:{relation.name}.{constraint}",
        relation=relation.name,
        constraint=constraint,
        sqlstate=sqlstate,
    )


def _expect_none(
    connection: psycopg.Connection,
    relation: Relation,
    parent: str,
    pairs: Iterable[tuple[str, str]],
    columns: Iterable[str],
    name: str,
) -> None:
    present = " AND ".join(f"c.{quote(column)} IS NOT NULL" for column in columns)
    same = " AND ".join(f"p.{quote(there)} = c.{quote(own)}" for own, there in pairs)
    row = connection.execute(
        f"SELECT count(*) FROM {quote(relation.name)} AS c WHERE {present} "
        f"AND NOT EXISTS (SELECT FROM {quote(parent)} AS p WHERE {same})".encode()
    ).fetchone()
    if row and row[0]:
        raise refusal(relation, name, f"{row[0]} generated rows have no row in {parent}.")
