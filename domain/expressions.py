"""Expressions and queries of a design: parsed, checked, looked up and written again.

The only way by which text of a planner reaches SQL. Text is parsed as PostgreSQL by sqlglot; each
syntax node and function must be on the allow-list (`domain.grammar`), each column and relation must
exist in the design (`domain.scopes`); comments are dropped; what runs is written by our generator.
Two more guards hold the parser itself to account: the written text must parse to the same text
again, and must hold exactly the literals of the given one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType  # type: ignore[attr-defined]

from ..errors import DesignError, ExpressionError
from . import grammar
from .base import Value
from .grammar import DesignDialect, Generator, Volatility
from .scopes import Lookup, unknown

MAX_CHARACTERS = 20_000
MAX_NODES = 3_000
_ORDER: dict[Volatility, int] = {"immutable": 0, "stable": 1, "volatile": 2}
_LITERALS = (TokenType.STRING, TokenType.NUMBER)
_BOOLEAN = (
    exp.Connector, exp.Predicate, exp.Not, exp.Boolean, exp.Column, exp.Anonymous, exp.Case,
    exp.ArrayContainedBy, exp.ArrayContainsAll, exp.ArrayOverlaps, exp.Adjacent, exp.Overlaps,
    exp.JSONBContainsTopKey, exp.JSONBContainsAnyTopKeys, exp.JSONBContainsAllTopKeys,
    exp.JSONBContains, exp.JSONBPathExists, exp.MatchAgainst, exp.Cast, exp.NullSafeEQ,
    exp.NullSafeNEQ, exp.Bracket, exp.Escape,
)  # fmt: skip
QueryKind = Literal["select", "insert", "update", "delete"]


class Expression(Value):
    """A checked expression over the columns of one row, as SQL written by this package."""

    sql: str
    columns: tuple[str, ...]
    volatility: Volatility = "immutable"


class Query(Value):
    """A checked statement.

    `sql` has psycopg's parameters (`%(name)s`), `named` has `:name`, `pgbench` is for a pgbench
    script. `columns` are `relation.column` references, `parameters` the names in order of use.
    """

    kind: QueryKind
    sql: str
    named: str
    pgbench: str
    relations: tuple[str, ...]
    columns: tuple[str, ...]
    parameters: tuple[str, ...]

    def tree(self) -> exp.Expr:
        """The syntax tree of `named`, for those who look for predicates and sort keys."""
        return _parse(self.named, "query").copy()


def parse_predicate(
    text: str,
    columns: Mapping[str, str],
    *,
    volatility: Volatility = "stable",
    what: str = "predicate",
) -> Expression:
    """A boolean expression over one row.

    `columns` maps names to types; `volatility` is the most that is allowed ("immutable" for the
    predicate of an index); `what` names the place in messages. Raises ExpressionError.
    """
    tree = _scalar_tree(text, what)
    root: exp.Expr = tree
    while isinstance(root, exp.Paren):
        root = root.this
    if not isinstance(root, _BOOLEAN):
        raise ExpressionError(f"{what}: {text[:60]!r} is not a yes-or-no condition.")
    return _expression(tree, columns, volatility, what)


def parse_scalar(
    text: str,
    columns: Mapping[str, str],
    *,
    volatility: Volatility = "volatile",
    what: str = "expression",
) -> Expression:
    """An expression with one value: a default, a generated column, a key of an index.

    Raises ExpressionError. `volatility` is the most that is allowed.
    """
    return _expression(_scalar_tree(text, what), columns, volatility, what)


def parse_query(
    text: str,
    relations: Mapping[str, Mapping[str, str]],
    *,
    locks: bool = False,
    what: str = "query",
) -> Query:
    """One SELECT over known relations, or one INSERT, UPDATE or DELETE on exactly one.

    `relations` maps names to columns and types. `locks` allows FOR UPDATE and its kin. Parameters
    are `:name`. Raises ExpressionError.
    """
    tree = _parse(text, what).copy()
    kind: QueryKind
    if isinstance(tree, (exp.Select, exp.SetOperation)):
        kind, allowed = "select", {**grammar.SCALAR_NODES, **grammar.QUERY_NODES}
        if locks:
            allowed |= grammar.LOCK_NODES
            allowed[exp.Select] = {*allowed[exp.Select], "locks"}
    elif isinstance(tree, (exp.Insert, exp.Update, exp.Delete)):
        kind = "insert" if isinstance(tree, exp.Insert) else (
            "update" if isinstance(tree, exp.Update) else "delete"
        )  # fmt: skip
        allowed = {**grammar.SCALAR_NODES, **grammar.WRITE_NODES}
        for node in (exp.Placeholder, exp.Table, exp.TableAlias, exp.Where, exp.Values,
                     exp.Star, exp.Ordered, exp.Alias):  # fmt: skip
            allowed[node] = grammar.QUERY_NODES[node]
        _defaults(tree)
    else:
        raise ExpressionError(
            f"{what}: {type(tree).__name__.upper()} is not SELECT, INSERT, UPDATE or DELETE."
        )
    grammar.check_nodes(tree, allowed, what)
    lookup = Lookup(relations, what)
    if isinstance(tree, (exp.Insert, exp.Update, exp.Delete)):
        lookup.write(tree)
    else:
        lookup.query(tree, None)
    lookup.complete(tree)
    named = _write(tree, text, what)
    return Query(
        kind=kind, named=named, sql=_psycopg(tree), pgbench=_pgbench(tree),
        relations=tuple(lookup.relations), columns=tuple(lookup.columns),
        parameters=tuple(
            dict.fromkeys(
                token.text for before, token in _pairs(named) if before == TokenType.COLON
            )
        ),
    )  # fmt: skip


def _scalar_tree(text: str, what: str) -> exp.Expr:
    tree = _parse(text, what).copy()
    grammar.check_nodes(tree, grammar.SCALAR_NODES, what)
    return tree


def _expression(
    tree: exp.Expr, columns: Mapping[str, str], volatility: Volatility, what: str
) -> Expression:
    used: dict[str, None] = {}
    for column in tree.find_all(exp.Column):
        if column.table or column.name not in columns:
            name = f"{column.table}.{column.name}" if column.table else column.name
            raise unknown("column", name, columns, what)
        used[column.name] = None
    worst: Volatility = "immutable"
    for name, level in grammar.volatilities(tree):
        if _ORDER[level] > _ORDER[volatility]:
            raise ExpressionError(
                f"{what}: {name} is {level}, but only {volatility} functions are allowed here.",
                hint="The value must depend on the row alone." if volatility != "volatile" else "",
                function=name,
            )
        worst = max(worst, level, key=_ORDER.__getitem__)
    return Expression(sql=_write(tree, None, what), columns=tuple(used), volatility=worst)


@lru_cache(maxsize=512)
def _parse(text: str, what: str) -> exp.Expr:
    """The tree of exactly one statement or expression, names folded as PostgreSQL folds them."""
    if not text.strip():
        raise ExpressionError(f"{what}: the text is empty.")
    if len(text) > MAX_CHARACTERS or "\x00" in text:
        raise ExpressionError(f"{what}: longer than {MAX_CHARACTERS} characters, or with a NUL.")
    try:
        trees = DesignDialect().parser().parse(_tokens(text, what), text)
        if len(trees) != 1 or trees[0] is None:
            raise ExpressionError(f"{what}: exactly one statement is expected.")
        tree = trees[0]
        nodes = list(tree.walk())
    except (SqlglotError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ExpressionError(
            f"{what}: {text[:60]!r} cannot be read as PostgreSQL.",
            hint="Check quotes, parentheses and operators.",
        ) from error
    except RecursionError:
        raise ExpressionError(f"{what}: nested too deeply.") from None
    if len(nodes) > MAX_NODES:
        raise ExpressionError(f"{what}: more than {MAX_NODES} parts.")
    for node in nodes:
        node.comments = None
        if isinstance(node, exp.Identifier):
            if not node.args.get("quoted"):
                node.set("this", node.name.lower())
            node.set("quoted", False)
            if not node.name or len(node.name.encode()) > 63:
                raise ExpressionError(f"{what}: {node.name[:30]!r} is not a usable name.")
    _literals(trees[0], text, what)
    return tree


def _tokens(text: str, what: str) -> list[Token]:
    """The tokens, with `interval '…' [unit]` turned into a cast: sqlglot would edit its text."""
    source = DesignDialect().tokenize(text)
    tokens: list[Token] = []
    index = 0
    while index < len(source):
        token = source[index]
        following = source[index + 1] if index + 1 < len(source) else None
        before = tokens[-1].token_type if tokens else None
        cast = before in (TokenType.DCOLON, TokenType.ALIAS)
        if token.token_type == TokenType.INTERVAL and not cast:
            if following is None or following.token_type != TokenType.STRING:
                raise ExpressionError(
                    f"{what}: INTERVAL needs a text.", hint="Write :n * interval '1 day'."
                )
            unit = source[index + 2] if index + 2 < len(source) else None
            if unit is not None and unit.text.lower().rstrip("s") in _UNITS:
                raise ExpressionError(
                    f"{what}: put the unit inside the quotes.", hint="Write interval '1 day'."
                )
            tokens += [following, _token(TokenType.DCOLON, "::", token), token]
            index += 2
            continue
        tokens.append(token)
        index += 1
    return tokens


_UNITS = frozenset("year month week day hour minute second".split())


def _token(kind: TokenType, text: str, like: Token) -> Token:
    return Token(kind, text, like.line, like.col, like.start, like.end)


def _literals(tree: exp.Expr, text: str, what: str) -> None:
    """Refuse a text whose literals sqlglot changed while reading, and odd spellings of literals."""
    given = _literals_of(text)
    if given is None or given != _literals_of(_render(tree, what)):
        raise ExpressionError(
            f"{what}: {text[:60]!r} has a literal in a spelling that is not allowed.",
            hint="Use plain '…' strings and decimal numbers.",
        )


def _literals_of(sql: str) -> Counter[str] | None:
    try:
        tokens = DesignDialect().tokenize(sql)
    except SqlglotError:
        return None  # what we wrote cannot even be cut into words
    return Counter(token.text for token in tokens if token.token_type in _LITERALS)


def _defaults(tree: exp.Expr) -> None:
    """DEFAULT in SET is read as a column; make it the keyword again."""
    for assignment in tree.args.get("expressions") or []:
        value = assignment.args.get("expression") if isinstance(assignment, exp.EQ) else None
        if isinstance(value, exp.Column) and not value.table and value.name == "default":
            value.replace(exp.Var(this="DEFAULT"))


def _render(tree: exp.Expr, what: str) -> str:
    try:
        return str(Generator(dialect=DesignDialect(), comments=False).generate(tree))
    except DesignError as error:
        raise ExpressionError(f"{what}: {error.message}", hint=error.hint) from error
    except (SqlglotError, ValueError) as error:
        raise ExpressionError(f"{what}: cannot be written as PostgreSQL.") from error


def _write(tree: exp.Expr, text: str | None, what: str) -> str:
    """The SQL of a checked tree, which must read as itself."""
    sql = _render(tree, what)
    again = _parse(sql, what).copy()
    _defaults(again)
    if _render(again, what) != sql:
        raise ExpressionError(f"{what}: {sql[:60]!r} does not read the same twice.")
    return sql


class _Psycopg(Generator):
    """Marks parameters so that a percent sign elsewhere can be doubled."""

    def placeholder_sql(self, expression: exp.Placeholder) -> str:
        return f"\x00{expression.name}\x01"


class _Pgbench(Generator):
    """Keeps pgbench from taking a colon in a text for a variable."""

    def literal_sql(self, expression: exp.Literal) -> str:
        if not expression.is_string or ":" not in expression.name:
            return super().literal_sql(expression)
        body = expression.name.replace("\\", "\\\\").replace("'", "''").replace(":", "\\x3a")
        return f"E'{body}'"


def _psycopg(tree: exp.Expr) -> str:
    sql = str(_Psycopg(dialect=DesignDialect(), comments=False).generate(tree))
    return sql.replace("%", "%%").replace("\x00", "%(").replace("\x01", ")s")


def _pgbench(tree: exp.Expr) -> str:
    return str(_Pgbench(dialect=DesignDialect(), comments=False).generate(tree))


def _pairs(sql: str) -> list[tuple[TokenType | None, Token]]:
    tokens = DesignDialect().tokenize(sql)
    return list(zip([None, *(t.token_type for t in tokens)], tokens, strict=False))
