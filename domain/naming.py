"""Names of constraints and indexes: the design's own, or derived by one rule.

Derived names are `pk_`, `uq_`, `fk_`, `ck_`, `ex_`, `ix_` + relation + columns, at most 63 bytes.
"""

from __future__ import annotations

import hashlib

from .design import Check, Design, Exclusion, ForeignKey, Index, Relation, Unique
from .identifiers import shorten, snake_case


def primary_key_name(relation: Relation) -> str:
    """`pk_orders`."""
    return shorten(f"pk_{relation.name}")


def unique_name(relation: Relation, unique: Unique) -> str:
    """`uq_customers_email`."""
    return unique.name or shorten(f"uq_{relation.name}_{'_'.join(unique.columns)}")


def foreign_key_name(relation: Relation, key: ForeignKey) -> str:
    """`fk_orders_customer_id`."""
    return key.name or shorten(f"fk_{relation.name}_{'_'.join(key.columns)}")


def check_name(relation: Relation, check: Check) -> str:
    """`ck_orders_` + eight hex digits of the expression, unless the check has a name."""
    digest = hashlib.sha256(check.expression.encode()).hexdigest()[:8]
    return check.name or shorten(f"ck_{relation.name}_{digest}")


def values_check_name(relation: Relation, column: str) -> str:
    """`ck_orders_status_values`: the CHECK of a column's closed set of values."""
    return shorten(f"ck_{relation.name}_{column}_values")


def exclusion_name(relation: Relation, exclusion: Exclusion) -> str:
    """`ex_bookings_court_id_starts_at`."""
    columns = (*exclusion.equal_columns, exclusion.start_column)
    return exclusion.name or shorten(f"ex_{relation.name}_{'_'.join(columns)}")


def index_name(relation: Relation, index: Index) -> str:
    """`ix_orders_customer_id`; a method other than B-tree or a predicate adds to the name."""
    if index.name:
        return index.name
    parts = [key.column or "expr" for key in index.keys]
    suffix = "" if index.method == "btree" else f"_{index.method}"
    # Two indexes over the same columns are told apart by what else they are.
    rest = (
        [key.expression for key in index.keys if key.expression],
        [key.operator_class for key in index.keys if key.operator_class],
        index.include,
        index.where,
        [key.descending for key in index.keys],
    )
    if any(rest[:4]) or any(rest[4]):
        suffix += "_" + hashlib.sha256(repr(rest).encode()).hexdigest()[:6]
    return shorten(f"ix_{relation.name}_{'_'.join(parts)}{suffix}")


def policy_name(relation: Relation) -> str:
    """`tenant_isolation_orders`."""
    return shorten(f"tenant_isolation_{relation.name}")


def application_role_name(design: Design) -> str:
    """The role that the application takes: `shop_app` for the design `shop`."""
    return shorten(f"{snake_case(design.name) or 'a13'}_app")
