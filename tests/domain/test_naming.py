"""Names of constraints and indexes: derived by one rule, short, and different where they differ."""

from __future__ import annotations

from a13.domain.design import (
    Check,
    Column,
    Exclusion,
    ForeignKey,
    Index,
    IndexKey,
    Relation,
    Unique,
)
from a13.domain.identifiers import MAX_BYTES
from a13.domain.naming import (
    check_name,
    exclusion_name,
    foreign_key_name,
    index_name,
    policy_name,
    primary_key_name,
    unique_name,
    values_check_name,
)

ORDERS = Relation(name="orders", columns=(Column(name="id", type="bigint"),), primary_key=("id",))
LONG = Relation(name="r" * 60, columns=ORDERS.columns, primary_key=("id",))


def test_derived_names() -> None:
    assert primary_key_name(ORDERS) == "pk_orders"
    assert unique_name(ORDERS, Unique(columns=("a", "b"))) == "uq_orders_a_b"
    assert foreign_key_name(ORDERS, ForeignKey(columns=("a",), references="x")) == "fk_orders_a"
    assert values_check_name(ORDERS, "status") == "ck_orders_status_values"
    exclusion = Exclusion(equal_columns=("court",), start_column="s", end_column="e")
    assert exclusion_name(ORDERS, exclusion) == "ex_orders_court_s"
    assert policy_name(ORDERS) == "tenant_isolation_orders"
    assert index_name(ORDERS, Index(keys=(IndexKey(column="a"),))) == "ix_orders_a"


def test_a_given_name_wins() -> None:
    assert unique_name(ORDERS, Unique(columns=("a",), name="mine")) == "mine"
    assert check_name(ORDERS, Check(expression="a > 0", name="mine")) == "mine"
    assert index_name(ORDERS, Index(keys=(IndexKey(column="a"),), name="mine")) == "mine"


def test_checks_are_told_apart_by_their_expression() -> None:
    one = check_name(ORDERS, Check(expression="a > 0"))
    two = check_name(ORDERS, Check(expression="a > 1"))
    assert one != two and one.startswith("ck_orders_")
    assert one == check_name(ORDERS, Check(expression="a > 0", text="said otherwise"))


def test_indexes_over_the_same_column_are_told_apart() -> None:
    key = IndexKey(column="a")
    variants = [
        Index(keys=(key,)),
        Index(keys=(key,), method="gin"),
        Index(keys=(key,), where="a > 0"),
        Index(keys=(key,), where="a > 1"),
        Index(keys=(key,), include=("b",)),
        Index(keys=(IndexKey(column="a", descending=True),)),
        Index(keys=(IndexKey(column="a", operator_class="text_pattern_ops"),)),
        Index(keys=(IndexKey(expression="lower(a)"),)),
        Index(keys=(IndexKey(expression="upper(a)"),)),
    ]
    assert len({index_name(ORDERS, variant) for variant in variants}) == len(variants)


def test_why_an_index_exists_does_not_change_its_name() -> None:
    key = IndexKey(column="a")
    assert index_name(ORDERS, Index(keys=(key,), serves=("q",), origin="tuning", reason="x")) == (
        index_name(ORDERS, Index(keys=(key,)))
    )


def test_long_names_stay_within_the_limit_and_apart() -> None:
    names = [
        primary_key_name(LONG),
        policy_name(LONG),
        unique_name(LONG, Unique(columns=("first_column",))),
        unique_name(LONG, Unique(columns=("second_column",))),
        foreign_key_name(LONG, ForeignKey(columns=("first_column",), references="x")),
        index_name(LONG, Index(keys=(IndexKey(column="first_column"),))),
        values_check_name(LONG, "first_column"),
        values_check_name(LONG, "second_column"),
        check_name(LONG, Check(expression="a")),
        check_name(LONG, Check(expression="b")),
    ]
    assert len(set(names)) == len(names)
    assert all(len(name.encode()) <= MAX_BYTES for name in names)
