"""Small steps through the syntax tree of a predicate that `domain.expressions` has checked."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp, parse_one

from ..domain.grammar import DesignDialect, Generator


def parse_tree(sql: str) -> exp.Expr:
    """The tree of a predicate that `domain.expressions` has rendered."""
    return parse_one(sql, dialect=DesignDialect)


def render(node: exp.Expr) -> str:
    """The SQL of a part of a checked tree."""
    return str(Generator(dialect=DesignDialect(), comments=False).generate(node.copy()))


def bare(node: exp.Expr) -> exp.Expr:
    """The node below parentheses."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    """The parts of a chain of AND."""
    node = bare(node)
    if isinstance(node, exp.And):
        yield from conjuncts(node.this)
        yield from conjuncts(node.expression)
    else:
        yield node


def disjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    """The parts of a chain of OR."""
    node = bare(node)
    if isinstance(node, exp.Or):
        yield from disjuncts(node.this)
        yield from disjuncts(node.expression)
    else:
        yield node


def is_null_test(node: exp.Expr) -> bool:
    """True for `… IS NULL`."""
    return isinstance(node, exp.Is) and isinstance(bare(node.expression), exp.Null)


def literal_text(node: exp.Expr) -> str | None:
    """The text of a literal, through casts and a minus; None for anything else."""
    node = bare(node)
    if isinstance(node, exp.Cast):
        return literal_text(node.this)
    if isinstance(node, exp.Neg):
        inner = literal_text(node.this)
        return None if inner is None else f"-{inner}"
    if isinstance(node, exp.Literal):
        return node.name
    if isinstance(node, exp.Boolean):
        return "true" if node.this else "false"
    return None
