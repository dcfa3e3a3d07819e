"""Repairs: one answer for each rule of a finding and each class of SQLSTATE."""

from __future__ import annotations

from a13.agents.rules import RulesPlanner
from a13.checks import check_design
from a13.domain.design import (
    Check,
    Column,
    Design,
    ForeignKey,
    FunctionalDependency,
    Index,
    IndexKey,
    Relation,
    Unique,
)
from a13.domain.findings import Failure, Finding

ID = Column(name="id", type="bigint", identity=True)


def relation(name: str, *columns: Column, **more: object) -> Relation:
    return Relation(name=name, columns=(ID, *columns), primary_key=("id",), **more)  # type: ignore[arg-type]


def design(*relations: Relation) -> Design:
    return Design(name="d", relations=relations)


def errors(value: Design) -> tuple[Finding, ...]:
    return tuple(f for f in check_design(value) if f.severity == "error")


def repaired(value: Design) -> Design:
    """The design after the repair of its errors; each change is told in a line."""
    found = errors(value)
    assert found
    proposal = RulesPlanner().repair(value, findings=found)
    assert proposal.changes and all("\n" not in change for change in proposal.changes)
    return proposal.design


def failed(value: Design, sqlstate: str, element: str = "", **more: str) -> Design:
    failure = Failure(kind="sql", message=more.pop("message", "refused"), sqlstate=sqlstate,
                      element=element, **more)  # fmt: skip
    return RulesPlanner().repair(value, failure=failure).design


def test_nothing_to_do() -> None:
    value = design(relation("a", Column(name="x", type="text")))
    proposal = RulesPlanner().repair(value)
    assert proposal.design == value and proposal.changes == ()
    unknown = Finding(rule="Z9", severity="error", element="relation:a", message="?")
    assert RulesPlanner().repair(value, findings=(unknown,)).design == value


def test_missing_primary_key() -> None:
    value = design(Relation(name="a", columns=(Column(name="x", type="text"),), primary_key=()))
    fixed = repaired(value)
    assert fixed.relation("a").primary_key == ("id",)
    assert errors(fixed) == ()


def test_nullable_primary_key() -> None:
    value = design(
        Relation(
            name="a", columns=(Column(name="x", type="text", nullable=True),), primary_key=("x",)
        )
    )
    assert errors(repaired(value)) == ()


def test_foreign_key_to_nothing_and_to_the_wrong_spelling() -> None:
    keys = (
        ForeignKey(columns=("b_id",), references="nowhere"),
        ForeignKey(columns=("c_id",), references="Thing"),
    )
    value = design(
        relation("a", Column(name="b_id", type="bigint"), Column(name="c_id", type="bigint"),
                 foreign_keys=keys),
        relation("things", Column(name="x", type="text")),
    )  # fmt: skip
    fixed = repaired(value)
    assert [k.references for k in fixed.relation("a").foreign_keys] == ["things"]
    assert any("nowhere" in q.text for q in fixed.questions)
    assert errors(fixed) == ()


def test_foreign_key_of_another_type() -> None:
    value = design(
        relation("a", Column(name="b_id", type="uuid"),
                 foreign_keys=(ForeignKey(columns=("b_id",), references="b"),)),
        relation("b", Column(name="x", type="text")),
    )  # fmt: skip
    fixed = repaired(value)
    assert fixed.relation("a").column("b_id").type == "bigint"


def test_foreign_key_to_what_is_no_key() -> None:
    key = ForeignKey(columns=("code",), references="b", referenced_columns=("code",))
    value = design(
        relation("a", Column(name="code", type="text"), foreign_keys=(key,)),
        relation("b", Column(name="code", type="text")),
    )
    fixed = repaired(value)
    assert [u.columns for u in fixed.relation("b").uniques] == [("code",)]
    assert errors(fixed) == ()


def test_cycle() -> None:
    value = design(
        relation("a", Column(name="b_id", type="bigint"),
                 foreign_keys=(ForeignKey(columns=("b_id",), references="b"),)),
        relation("b", Column(name="a_id", type="bigint"),
                 foreign_keys=(ForeignKey(columns=("a_id",), references="a"),)),
    )  # fmt: skip
    assert errors(repaired(value)) == ()


def test_long_and_reserved_names() -> None:
    value = design(
        relation("x" * 70, Column(name="y" * 70, type="text"), Column(name="user", type="text")),
    )
    fixed = repaired(value)
    assert len(fixed.relations[0].name) <= 63
    assert errors(fixed) == ()
    reserved = Finding(
        rule="D2", severity="warning", element=f"column:{fixed.relations[0].name}.user", message=""
    )
    again = RulesPlanner().repair(fixed, findings=(reserved,)).design
    assert again.relations[0].find("user") is None


def test_types_that_mislead() -> None:
    value = design(
        relation("a", Column(name="at", type="timestamp without time zone"),
                 Column(name="price", type="double precision"), Column(name="odd", type="shape"))
    )  # fmt: skip
    fixed = repaired(value)
    assert fixed.relation("a").column("at").type == "timestamp with time zone"
    assert fixed.relation("a").column("price").type == "numeric(12,2)"
    assert fixed.relation("a").column("odd").type == "text"


def test_third_normal_form_by_decomposition() -> None:
    value = design(
        relation("customers", Column(name="name", type="text"),
                 Column(name="postal_code", type="text"), Column(name="city", type="text"),
                 dependencies=(FunctionalDependency(determinant=("postal_code",),
                                                    dependent=("city",)),))
    )  # fmt: skip
    fixed = repaired(value)
    assert fixed.relation("postal_codes").primary_key == ("postal_code",)
    assert fixed.relation("postal_codes").column_names == ("postal_code", "city")
    assert fixed.relation("customers").find("city") is None
    assert [k.references for k in fixed.relation("customers").foreign_keys] == ["postal_codes"]
    assert errors(fixed) == ()
    assert fixed.decisions


def test_expression_that_is_not_allowed() -> None:
    value = design(
        relation("a", Column(name="x", type="text"),
                 checks=(Check(expression="pg_read_file('/etc/passwd') <> x"),))
    )  # fmt: skip
    fixed = repaired(value)
    assert fixed.relation("a").checks == ()
    assert any("cannot be enforced" in q.text for q in fixed.questions)


# Failures of the server


def test_lock_not_available_changes_nothing() -> None:
    value = design(relation("a", Column(name="x", type="text")))
    assert failed(value, "55P03", "relation:a") == value


def test_rows_that_break_a_check() -> None:
    value = design(
        relation("a", Column(name="x", type="integer"), checks=(Check(expression="x > 0"),))
    )
    from a13.domain.naming import check_name

    name = check_name(value.relation("a"), value.relation("a").checks[0])
    fixed = failed(value, "23514", f"constraint:a.{name}")
    assert fixed.relation("a").checks == ()
    assert fixed.questions
    by_message = failed(
        value, "23514", message=f'new row for relation "a" violates check constraint "{name}"'
    )
    assert by_message.relation("a").checks == ()


def test_rows_that_break_not_null_unique_and_values() -> None:
    value = design(
        relation("a", Column(name="x", type="text"),
                 Column(name="s", type="text", values=("p", "q")),
                 uniques=(Unique(columns=("x",)),))
    )  # fmt: skip
    assert failed(value, "23502", "column:a.x").relation("a").column("x").nullable
    assert failed(value, "23505", "constraint:a.uq_a_x").relation("a").uniques == ()
    loose = failed(value, "23514", "constraint:a.ck_a_s_values")
    assert loose.relation("a").column("s").values == ()


def test_undefined_type_and_duplicate_index() -> None:
    index = Index(keys=(IndexKey(column="x"),))
    value = design(
        relation("a", Column(name="x", type="text"),
                 indexes=(index, index.model_copy(update={"name": "other"})))
    )  # fmt: skip
    assert len(failed(value, "42P07", "index:other").relation("a").indexes) == 1


def test_index_rows_that_are_too_large() -> None:
    value = design(
        relation("a", Column(name="x", type="text"), indexes=(Index(keys=(IndexKey(column="x"),)),))
    )
    fixed = failed(value, "54000", "index:ix_a_x")
    assert fixed.relation("a").indexes[0].method == "hash"
    again = failed(fixed, "54000", "index:ix_a_x_hash")
    assert again.relation("a").indexes == ()


def test_values_that_do_not_fit() -> None:
    value = design(relation("a", Column(name="x", type="character varying(3)"),
                            Column(name="n", type="integer")))  # fmt: skip
    assert failed(value, "22001", "column:a.x").relation("a").column("x").type == "text"
    assert failed(value, "22003", "column:a.n").relation("a").column("n").type == "bigint"


def test_a_failure_that_cannot_be_placed_changes_nothing() -> None:
    value = design(relation("a", Column(name="x", type="text")))
    assert failed(value, "XX000", message="internal error") == value
    assert failed(value, "42601", message="syntax error") == value
