"""Element references: how a requirement names what serves it (see `Requirement.elements`)."""

from __future__ import annotations

from ...domain import naming
from ...domain.design import Check, Exclusion, ForeignKey, Index, Relation, Unique
from .book import Draft


def _relation(draft: Draft) -> Relation:
    # Names of constraints derive from the relation's name alone.
    return Relation(name=draft.name, columns=(), primary_key=())


def relation_ref(draft: Draft) -> str:
    """`relation:orders`."""
    return f"relation:{draft.name}"


def column_ref(draft: Draft, column: str) -> str:
    """`column:orders.total`."""
    return f"column:{draft.name}.{column}"


def primary_key_ref(draft: Draft) -> str:
    """`constraint:orders.pk_orders`."""
    return f"constraint:{draft.name}.{naming.primary_key_name(_relation(draft))}"


def unique_ref(draft: Draft, unique: Unique) -> str:
    """`constraint:customers.uq_customers_email`."""
    return f"constraint:{draft.name}.{naming.unique_name(_relation(draft), unique)}"


def foreign_key_ref(draft: Draft, key: ForeignKey) -> str:
    """`constraint:orders.fk_orders_customer_id`."""
    return f"constraint:{draft.name}.{naming.foreign_key_name(_relation(draft), key)}"


def check_ref(draft: Draft, check: Check) -> str:
    """`constraint:orders.ck_orders_…`."""
    return f"constraint:{draft.name}.{naming.check_name(_relation(draft), check)}"


def values_ref(draft: Draft, column: str) -> str:
    """`constraint:orders.ck_orders_status_values`."""
    return f"constraint:{draft.name}.{naming.values_check_name(_relation(draft), column)}"


def exclusion_ref(draft: Draft, exclusion: Exclusion) -> str:
    """`constraint:bookings.ex_bookings_court_id_starts_at`."""
    return f"constraint:{draft.name}.{naming.exclusion_name(_relation(draft), exclusion)}"


def index_ref(draft: Draft, index: Index) -> str:
    """`index:ix_orders_placed_at`."""
    return f"index:{naming.index_name(_relation(draft), index)}"
