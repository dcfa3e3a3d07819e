"""Closure and candidate keys by textbook and by brute force; the normal forms by example."""

from __future__ import annotations

import itertools
import random

import pytest

from a13.checks.normal_forms import (
    Dependency,
    Violation,
    candidate_keys,
    check_dependencies,
    check_normal_forms,
    closure,
    dependencies_of,
    violations,
)
from a13.domain.design import Column, Design, FunctionalDependency, Relation, Unique


def fds(text: str) -> list[Dependency]:
    """`AB>C, C>D` as dependencies over one-letter attributes."""
    pairs = [part.strip().split(">") for part in text.split(",") if part.strip()]
    return [(frozenset(left), frozenset(right)) for left, right in pairs]


def keys(attributes: str, text: str) -> list[str]:
    return ["".join(sorted(key)) for key in candidate_keys(attributes, fds(text))]


@pytest.mark.parametrize(
    ("attributes", "dependencies", "start", "expected"),
    [
        ("ABCDEF", "AB>C, BC>AD, D>E, CF>B", "AB", "ABCDE"),
        ("ABCDE", "A>BC, CD>E, B>D, E>A", "B", "BD"),
        ("ABC", "", "A", "A"),
        ("ABC", "A>B, B>C", "A", "ABC"),
        ("ABC", "C>B, B>A, A>C", "B", "ABC"),
    ],
)
def test_closure(attributes: str, dependencies: str, start: str, expected: str) -> None:
    assert closure(start, fds(dependencies)) == frozenset(expected)


@pytest.mark.parametrize(
    ("attributes", "dependencies", "expected"),
    [
        ("ABC", "A>B, B>C", ["A"]),
        ("ABCDE", "A>BC, CD>E, B>D, E>A", ["A", "E", "BC", "CD"]),
        ("ABC", "AB>C, C>B", ["AB", "AC"]),
        ("ABCD", "", ["ABCD"]),
        ("ABC", "A>B, B>A, B>C", ["A", "B"]),
        ("ABCDEF", "AB>C, C>D, D>EF, E>A", ["AB", "BC", "BD", "BE"]),
    ],
)
def test_candidate_keys(attributes: str, dependencies: str, expected: list[str]) -> None:
    assert keys(attributes, dependencies) == expected


def test_candidate_keys_and_closure_by_brute_force() -> None:
    source = random.Random(13)
    for _ in range(150):
        attributes = "ABCDEF"[: source.randint(1, 6)]
        dependencies = [
            (
                frozenset(source.sample(attributes, source.randint(1, min(3, len(attributes))))),
                frozenset(source.sample(attributes, source.randint(1, min(2, len(attributes))))),
            )
            for _ in range(source.randint(0, 6))
        ]

        def by_hand(
            start: frozenset[str], known: list[Dependency] = dependencies
        ) -> frozenset[str]:
            current = start
            for _ in range(10):
                for left, right in known:
                    if left <= current:
                        current |= right
            return current

        subsets = [
            frozenset(chosen)
            for size in range(len(attributes) + 1)
            for chosen in itertools.combinations(attributes, size)
        ]
        superkeys = [subset for subset in subsets if by_hand(subset) >= set(attributes)]
        minimal = {key for key in superkeys if not any(other < key for other in superkeys)}
        assert all(closure(subset, dependencies) == by_hand(subset) for subset in subsets)
        assert set(candidate_keys(attributes, dependencies)) == minimal


def test_exponentially_many_keys_are_bounded() -> None:
    """n pairs that determine each other have 2ⁿ candidate keys."""
    pairs = [(f"a{n}", f"b{n}") for n in range(20)]
    both = [(frozenset({x}), frozenset({y})) for a, b in pairs for x, y in ((a, b), (b, a))]
    found = candidate_keys([name for pair in pairs for name in pair], both)
    assert 0 < len(found) <= 200


@pytest.mark.parametrize(
    ("attributes", "dependencies", "expected"),
    [
        # Order line: the product alone determines its name.
        ("OPQN", "OP>QN, P>N", [("2NF", "P", "N")]),
        # Employee: the department determines its city.
        ("EDC", "E>DC, D>C", [("3NF", "D", "C")]),
        # Student, subject, teacher: the classic that is in 3NF and not in BCNF.
        ("STJ", "SJ>T, T>J", [("BCNF", "T", "J")]),
        ("AB", "A>B", []),
        ("AB", "A>B, B>A", []),
        ("ABC", "A>BC, AB>C", []),  # a superkey on the left is fine
        ("ABC", "A>BC, B>B", []),  # trivial
        # A determinant that is larger than it needs to be is reduced.
        ("ABCD", "A>BCD, BC>D, B>D", [("3NF", "B", "D")]),
    ],
)
def test_violations(
    attributes: str, dependencies: str, expected: list[tuple[str, str, str]]
) -> None:
    found = violations(attributes, fds(dependencies))
    assert [(v.form, "".join(v.determinant), v.dependent) for v in found] == expected


def order_lines(**change: object) -> Design:
    relation = Relation(
        name="order_lines",
        columns=tuple(
            Column(name=name, type="integer")
            for name in ("order_id", "product_id", "product_name", "quantity")
        ),
        primary_key=("order_id", "product_id"),
        dependencies=(
            FunctionalDependency(determinant=("product_id",), dependent=("product_name",)),
        ),
    )
    return Design(name="shop", relations=(relation.model_copy(update=change),))


def test_n1_names_the_column_and_the_way_out() -> None:
    (finding,) = check_normal_forms(order_lines())
    assert (finding.rule, finding.severity) == ("N1", "error")
    assert finding.element == "column:order_lines.product_name"
    assert "2NF" in finding.message and "waiver" in finding.remediation


def test_n1_is_quiet_without_declared_dependencies() -> None:
    assert list(check_normal_forms(order_lines(dependencies=()))) == []


def test_n1_counts_uniques_as_keys_but_not_nullable_or_partial_ones() -> None:
    def judged(nullable: bool, where: str | None) -> list[str]:
        columns = (
            Column(name="id", type="bigint"),
            Column(name="email", type="text", nullable=nullable),
            Column(name="full_name", type="text"),
        )
        relation = Relation(
            name="people",
            columns=columns,
            primary_key=("id",),
            uniques=(Unique(columns=("email",), where=where),),
            dependencies=(FunctionalDependency(determinant=("email",), dependent=("full_name",)),),
        )
        return [f.rule for f in check_normal_forms(Design(name="x", relations=(relation,)))]

    assert judged(False, None) == []
    assert judged(True, None) == ["N1"]
    assert judged(False, "id > 0") == ["N1"]


def test_n1_leaves_generated_columns_alone() -> None:
    design = order_lines()
    columns = tuple(
        column.model_copy(update={"generated": "product_id + 1"})
        if column.name == "product_name"
        else column
        for column in design.relations[0].columns
    )
    assert list(check_normal_forms(order_lines(columns=columns))) == []


def test_bcnf_alone_is_an_info() -> None:
    relation = Relation(
        name="lessons",
        columns=tuple(Column(name=n, type="integer") for n in ("student", "subject", "teacher")),
        primary_key=("student", "subject"),
        dependencies=(FunctionalDependency(determinant=("teacher",), dependent=("subject",)),),
    )
    (finding,) = check_normal_forms(Design(name="x", relations=(relation,)))
    assert finding.severity == "info"
    assert dependencies_of(relation)
    assert violations("ab", ()) == ()
    assert Violation(form="3NF", determinant=("a",), dependent="b").form == "3NF"


def test_a_dependency_over_unknown_columns_is_an_error() -> None:
    bad = FunctionalDependency(determinant=("nowhere",), dependent=("quantity",))
    (finding,) = check_dependencies(order_lines(dependencies=(bad,)))
    assert finding.severity == "error" and "nowhere" in finding.message
    assert list(check_normal_forms(order_lines(dependencies=(bad,)))) == []
    assert list(check_dependencies(order_lines())) == []
    empty = FunctionalDependency(determinant=(), dependent=("quantity",))
    assert len(list(check_dependencies(order_lines(dependencies=(empty,))))) == 1
