"""What every design gets: an index for each foreign key that nothing begins with."""

from __future__ import annotations

from a13.domain.complete import (
    with_canonical_types,
    with_derived_workload,
    with_foreign_key_indexes,
)
from a13.domain.design import Column, Design, ForeignKey, Index, IndexKey, Relation

PARENT = Relation(
    name="parents", columns=(Column(name="id", type="bigint", identity=True),), primary_key=("id",)
)


def child(**update: object) -> Design:
    relation = Relation(
        name="children",
        columns=(
            Column(name="id", type="bigint", identity=True),
            Column(name="parent_id", type="bigint"),
        ),
        primary_key=("id",),
        foreign_keys=(ForeignKey(columns=("parent_id",), references="parents"),),
    )
    return Design(name="d", relations=(PARENT, relation.model_copy(update=update)))


def added(design: Design) -> list[str]:
    return [
        index.keys[0].column or ""
        for index in with_foreign_key_indexes(design).relation("children").indexes
        if index.origin == "foreign_key"
    ]


def test_a_bare_foreign_key_gets_an_index_once() -> None:
    assert added(child()) == ["parent_id"]
    twice = with_foreign_key_indexes(with_foreign_key_indexes(child()))
    assert len(twice.relation("children").indexes) == 1


def test_a_key_that_begins_with_it_is_enough() -> None:
    assert added(child(primary_key=("parent_id", "id"))) == []
    assert added(child(primary_key=("id", "parent_id"))) == ["parent_id"]


def test_an_index_that_begins_with_it_is_enough_unless_it_is_partial() -> None:
    index = Index(keys=(IndexKey(column="parent_id"), IndexKey(column="id")))
    assert added(child(indexes=(index,))) == []
    partial = index.model_copy(update={"where": "id > 10"})
    assert added(child(indexes=(partial,))) == ["parent_id"]


def test_stated_queries_are_not_derived_again() -> None:
    once = with_derived_workload(child())
    assert with_derived_workload(once) == once
    names = [query.name for query in once.workload]
    assert len(names) == len(set(names))
    assert names


def test_known_types_are_written_in_their_one_spelling() -> None:
    relation = Relation(
        name="t",
        columns=(
            Column(name="id", type="int8"),
            Column(name="at", type="timestamptz"),
            Column(name="name", type="varchar(40)"),
            Column(name="odd", type="frobnicator"),
        ),
        primary_key=("id",),
    )
    done = with_canonical_types(Design(name="d", relations=(relation,))).relation("t")
    assert [column.type for column in done.columns] == [
        "bigint", "timestamp with time zone", "character varying(40)", "frobnicator",
    ]  # fmt: skip
