"""The grammar of texts in a design: the syntax nodes and functions allowed, and how they read.

sqlglot parses; every node of the tree must be of a class listed here, with no argument that is not
listed; every function must be listed by its PostgreSQL name. The tree is then written again by the
generator of this module, so nothing of the given text survives but its meaning. Volatility is that
of the PostgreSQL 18 manual, chapter 9; where it depends on the argument types, the server decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import ClassVar, Literal, NoReturn

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ParseError
from sqlglot.generators.postgres import PostgresGenerator
from sqlglot.parsers.postgres import PostgresParser

from ..errors import DesignError, ExpressionError
from .identifiers import quote, quote_literal
from .types import canonical_type

Volatility = Literal["immutable", "stable", "volatile"]

IMMUTABLE = frozenset(
    """
    abs array_append array_cat array_length array_ndims array_position array_positions
    array_prepend array_remove array_to_string array_upper array_lower ascii bit_length btrim
    cardinality cbrt ceil ceiling char_length character_length chr coalesce daterange date_bin
    date_part date_trunc decode degrees div encode exp floor greatest host initcap int4range
    int8range isempty isfinite jsonb_array_length jsonb_exists jsonb_extract_path
    jsonb_extract_path_text jsonb_path_exists jsonb_strip_nulls jsonb_typeof justify_days
    justify_hours justify_interval least left length ln log lower lower_inc lower_inf lpad ltrim
    make_date make_interval make_time make_timestamp masklen md5 mod nullif num_nonnulls num_nulls
    numrange octet_length power radians range_merge regexp_count regexp_like regexp_match
    regexp_replace regexp_substr replace reverse right round row rpad rtrim scale sha256 sign
    split_part sqrt starts_with string_to_array strpos substr textregexeq to_hex translate
    trim_scale trunc tsrange tstzrange upper upper_inc upper_inf width_bucket
    numnode phraseto_tsquery plainto_tsquery querytree setweight strip to_tsquery to_tsvector
    websearch_to_tsquery similarity strict_word_similarity word_similarity all some
    """.split()
)
STABLE = frozenset(
    """
    age concat concat_ws current_date current_timestamp current_time localtime localtimestamp format
    jsonb_build_array jsonb_build_object jsonb_path_exists_tz make_timestamptz now
    statement_timestamp to_char to_date to_jsonb to_number to_timestamp transaction_timestamp
    ts_headline ts_rank ts_rank_cd
    """.split()
)
VOLATILE = frozenset("clock_timestamp gen_random_uuid random uuidv4 uuidv7".split())
AGGREGATES = frozenset(
    """
    array_agg avg bit_and bit_or bool_and bool_or corr count every json_agg json_object_agg
    jsonb_agg jsonb_object_agg max min mode percentile_cont percentile_disc stddev stddev_pop
    stddev_samp string_agg sum var_pop var_samp variance grouping range_agg
    """.split()
)
WINDOWS = frozenset(
    """
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank
    row_number
    """.split()
)
SET_RETURNING = frozenset(
    """
    generate_series jsonb_array_elements jsonb_array_elements_text jsonb_each jsonb_each_text
    jsonb_object_keys regexp_split_to_table string_to_table unnest
    """.split()
)
SCALARS = IMMUTABLE | STABLE | VOLATILE
QUERY_ONLY = AGGREGATES | WINDOWS | SET_RETURNING
# Padding is the one scalar way to make a huge value out of nothing.
_PADDING = frozenset({"lpad", "rpad"})
_MAX_PADDING = 1000

Allowed = dict[type[exp.Expr], set[str]]
_BINARY = {"this", "expression"}
_UNARY = {"this"}
_BINARY_NODES = (
    exp.And, exp.Or, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Add, exp.Sub, exp.Mul,
    exp.Div, exp.Mod, exp.Pow, exp.DPipe, exp.Is, exp.Like, exp.ILike, exp.SimilarTo, exp.Escape,
    exp.RegexpLike, exp.RegexpILike, exp.NullSafeEQ, exp.NullSafeNEQ, exp.ArrayContainsAll,
    exp.ArrayContainedBy, exp.ArrayOverlaps, exp.Adjacent, exp.Overlaps, exp.BitwiseAnd,
    exp.BitwiseOr, exp.BitwiseXor, exp.JSONBContainsTopKey, exp.JSONBContainsAnyTopKeys,
    exp.JSONBContainsAllTopKeys, exp.JSONBContains, exp.JSONBPathExists, exp.Distance,
)  # fmt: skip

SCALAR_NODES: Allowed = {
    **dict.fromkeys(_BINARY_NODES, _BINARY),
    # `typed` and `safe` say how the source dialect divides and concatenates; nothing is rendered.
    exp.Is: {*_BINARY, "negate"}, exp.Div: {*_BINARY, "typed", "safe"},
    exp.DPipe: {*_BINARY, "safe"},
    exp.Column: {"this", "table"}, exp.Identifier: {"this", "quoted"},
    exp.Literal: {"this", "is_string"}, exp.Null: set(), exp.Boolean: _UNARY, exp.Paren: _UNARY,
    exp.Not: _UNARY, exp.Neg: _UNARY, exp.BitwiseNot: _UNARY,
    exp.Between: {"this", "low", "high", "symmetric"}, exp.In: {"this", "expressions"},
    exp.Case: {"this", "ifs", "default"}, exp.If: {"this", "true"},
    exp.Cast: {"this", "to"}, exp.DataType: {"this", "expressions", "nested", "kind"},
    exp.DataTypeParam: _UNARY, exp.Interval: set(), exp.Extract: {"this", "expression"},
    exp.Var: _UNARY, exp.AtTimeZone: {"this", "zone"}, exp.Any: _UNARY,
    exp.Array: {"expressions", "bracket_notation"}, exp.Tuple: {"expressions"},
    exp.Bracket: {"this", "expressions"}, exp.Anonymous: {"this", "expressions"},
    exp.Substring: {"this", "start", "length"}, exp.Trim: {"this", "expression", "position"},
    exp.StrPosition: {"this", "substr"}, exp.Kwarg: _BINARY,
    exp.JSONExtract: {"this", "expression", "only_json_types"},
    exp.JSONExtractScalar: {"this", "expression", "only_json_types", "scalar_only"},
    exp.JSONBExtract: _BINARY, exp.JSONBExtractScalar: _BINARY,
    exp.JSONPath: {"expressions", "escape"}, exp.JSONPathRoot: set(), exp.JSONPathKey: _UNARY,
    exp.JSONPathSubscript: _UNARY, exp.CurrentDate: set(), exp.CurrentTimestamp: set(),
    exp.CurrentTime: set(), exp.Localtime: set(), exp.Localtimestamp: set(),
    exp.MatchAgainst: {"this", "expressions"}, exp.CurrentUser: set(),
}  # fmt: skip

QUERY_NODES: Allowed = {
    exp.Select: {
        "with_", "expressions", "distinct", "from_", "joins", "laterals", "where", "group",
        "having", "windows", "order", "limit", "offset", "operation_modifiers",
    },
    exp.Union: {"with_", "this", "expression", "distinct", "order", "limit", "offset"},
    exp.Intersect: {"with_", "this", "expression", "distinct", "order", "limit", "offset"},
    exp.Except: {"with_", "this", "expression", "distinct", "order", "limit", "offset"},
    exp.From: _UNARY, exp.Join: {"this", "side", "kind", "on", "using"},
    exp.Table: {"this", "db", "alias", "joins"}, exp.TableAlias: {"this", "columns"},
    exp.Alias: {"this", "alias"}, exp.Star: set(), exp.Subquery: {"this", "alias"},
    exp.With: {"expressions", "recursive"}, exp.CTE: {"this", "alias", "materialized"},
    exp.Where: _UNARY, exp.Having: _UNARY, exp.Order: {"this", "expressions"},
    exp.Group: {"expressions"}, exp.Rollup: {"expressions"}, exp.Cube: {"expressions"},
    exp.GroupingSets: {"expressions"}, exp.Ordered: {"this", "desc", "nulls_first"},
    exp.Limit: {"expression"}, exp.Offset: {"expression"},
    exp.Fetch: {"direction", "count", "limit_options"}, exp.LimitOptions: {"rows"},
    exp.Distinct: {"expressions", "on"}, exp.Lateral: {"this", "alias"},
    exp.Window: {"this", "partition_by", "order", "spec", "alias", "over"},
    exp.WindowSpec: {"kind", "start", "start_side", "end", "end_side"},
    exp.Filter: {"this", "expression"}, exp.WithinGroup: {"this", "expression"},
    exp.Exists: _UNARY, exp.Values: {"expressions", "alias"}, exp.Placeholder: _UNARY,
    exp.In: {"this", "expressions", "query"}, exp.All: _UNARY,
    exp.Unnest: {"expressions", "alias"},
}  # fmt: skip
WRITE_NODES: Allowed = {
    exp.Insert: {"this", "expression", "conflict", "returning"},
    exp.Update: {"this", "expressions", "where", "returning"},
    exp.Delete: {"this", "where", "returning"},
    exp.Schema: {"this", "expressions"}, exp.Returning: {"expressions"},
    exp.OnConflict: {"expressions", "action", "conflict_keys", "where", "index_predicate"},
}  # fmt: skip
LOCK_NODES: Allowed = {exp.Lock: {"update", "key", "wait"}}
_VARS = frozenset(
    """
    century day days decade dow doy epoch hour hours isodow isoyear microseconds millennium
    milliseconds minute minutes mins month months quarter secs second seconds timezone
    timezone_hour timezone_minute week weeks year years default leading trailing both
    """.split()
) | {"do update", "do nothing"}
_WORDS = re.compile(r"[A-Za-z][A-Za-z ]*")
_NUMBER = re.compile(r"\d+(\.\d*)?([eE][+-]?\d+)?|\.\d+")
_PARAMETER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_IDENTIFIER_SLOTS: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.Column: ("this", "table"), exp.Alias: ("alias",), exp.TableAlias: ("this",),
    exp.Table: ("db",), exp.Schema: ("expressions",), exp.Join: ("using",),
}  # fmt: skip
_KEPT_SYNTAX = ("CAST", "EXTRACT", "POSITION", "SUBSTRING", "TRIM")


class _Parser(PostgresParser):
    """Only functions with a syntax of their own are read as more than a name and arguments."""

    FUNCTIONS: ClassVar[dict[str, Callable[..., exp.Expr]]] = {}
    FUNCTION_PARSERS: ClassVar = {
        name: PostgresParser.FUNCTION_PARSERS[name] for name in _KEPT_SYNTAX
    }

    def _warn_unsupported(self) -> NoReturn:
        # Called where sqlglot would keep a statement it does not know as text.
        raise ParseError("not a statement that is read here")


class Generator(PostgresGenerator):
    """Writes names, literals, types and parameters by the rules of this package."""

    def identifier_sql(self, expression: exp.Identifier) -> str:
        return quote(expression.name)

    def literal_sql(self, expression: exp.Literal) -> str:
        text: str = expression.name
        return quote_literal(text) if expression.is_string else text

    def anonymous_sql(self, expression: exp.Anonymous) -> str:
        return f"{expression.name.lower()}({self.expressions(expression, flat=True)})"

    def placeholder_sql(self, expression: exp.Placeholder) -> str:
        return f":{expression.name}"

    def pow_sql(self, expression: exp.Pow) -> str:
        return self.binary(expression, "^")

    def datatype_sql(self, expression: exp.DataType) -> str:
        return canonical_type(super().datatype_sql(expression))

    def distinct_sql(self, expression: exp.Distinct) -> str:
        on = expression.args.get("on")
        listed = self.expressions(expression, flat=True)
        return f"DISTINCT ON {self.sql(on)}" if on else f"DISTINCT {listed}".rstrip()


class DesignDialect(Postgres):
    """PostgreSQL without sqlglot's knowledge of functions: a call keeps its name and arguments."""

    Parser = _Parser
    Generator = Generator


def volatility_of(name: str) -> Volatility:
    """How far the result of a listed scalar function depends on more than its arguments."""
    if name in VOLATILE:
        return "volatile"
    return "stable" if name in STABLE else "immutable"


def check_nodes(tree: exp.Expr, allowed: Allowed, what: str) -> None:
    """Raise ExpressionError for the first node, argument or function that is not allowed."""
    queries = exp.Placeholder in allowed
    for node in tree.walk():
        name = type(node).__name__
        slots = allowed.get(type(node))
        if slots is None:
            raise ExpressionError(
                f"{what}: {_snippet(node)} ({name}) is not allowed here.",
                hint="Only plain comparisons, arithmetic and listed functions are.",
                node=name,
            )
        for slot, value in node.args.items():
            if value is None or value is False or value == []:
                continue
            if slot not in slots:
                raise ExpressionError(
                    f"{what}: {slot.strip('_')} is not allowed on {_snippet(node)}.", node=name
                )
            if isinstance(value, str) and not _harmless_word(node, slot, value):
                raise ExpressionError(f"{what}: {value[:40]!r} is not allowed.", node=name)
        _check_shape(node, what, queries)


def _harmless_word(node: exp.Expr, slot: str, value: str) -> bool:
    if isinstance(node, (exp.Identifier, exp.JSONPathKey)):
        return "\x00" not in value
    if isinstance(node, exp.Literal):
        return node.is_string or bool(_NUMBER.fullmatch(value))
    if isinstance(node, exp.Anonymous):
        return True  # its name is looked up in _check_shape
    if isinstance(node, exp.Placeholder):
        return bool(_PARAMETER.fullmatch(value))
    if isinstance(node, exp.Var):
        return value.lower() in _VARS
    return bool(_WORDS.fullmatch(value))


def _check_shape(node: exp.Expr, what: str, queries: bool) -> None:
    for slot in _IDENTIFIER_SLOTS.get(type(node), ()):
        values = node.args.get(slot)
        for value in values if isinstance(values, list) else [values]:
            star = isinstance(value, exp.Star) and isinstance(node, exp.Column) and queries
            if value is not None and not star and not isinstance(value, exp.Identifier):
                raise ExpressionError(f"{what}: {_snippet(node)} is not a plain name.")
    if isinstance(node, exp.Placeholder) and not isinstance(node.this, str):
        raise ExpressionError(f"{what}: a parameter needs a name, like :customer_id.")
    if isinstance(node, exp.Star):
        _check_star(node, what)
    if isinstance(node, exp.DataType):
        try:
            canonical_type(node.sql("postgres"))
        except DesignError as error:
            raise ExpressionError(f"{what}: {error.message}", hint=error.hint) from error
    if isinstance(node, exp.Anonymous):
        _check_function(node, what, queries)


def _check_star(node: exp.Star, what: str) -> None:
    parent = node.parent
    column = isinstance(parent, exp.Column)
    if column:
        parent = parent.parent if parent else None
    counted = isinstance(parent, exp.Anonymous) and parent.name.lower() == "count" and not column
    if not counted and not isinstance(parent, (exp.Select, exp.Returning)):
        raise ExpressionError(f"{what}: * stands where a value is expected.")


def _check_function(node: exp.Anonymous, what: str, queries: bool) -> None:
    name = node.name.lower() if isinstance(node.this, str) else ""
    if name not in SCALARS and not (queries and name in QUERY_ONLY):
        kind = "an aggregate or window" if name in AGGREGATES | WINDOWS else "not an allowed"
        raise ExpressionError(
            f"{what}: {name or _snippet(node)}() is {kind} function.",
            hint="" if name in QUERY_ONLY else "Only listed functions without side effects are.",
            function=name,
        )
    if name in _PADDING:
        width = node.expressions[1] if len(node.expressions) > 1 else None
        literal = isinstance(width, exp.Literal) and not width.is_string
        if not literal or float(width.name if width else 0) > _MAX_PADDING:
            raise ExpressionError(f"{what}: {name}() needs a literal width up to {_MAX_PADDING}.")


def volatilities(tree: exp.Expr) -> Iterator[tuple[str, Volatility]]:
    """Each function and time keyword of a tree with its volatility."""
    for node in tree.walk():
        if isinstance(node, exp.Anonymous):
            yield node.name.lower(), volatility_of(node.name.lower())
        elif isinstance(
            node,
            (exp.CurrentDate, exp.CurrentTimestamp, exp.CurrentTime, exp.Localtime,
             exp.Localtimestamp, exp.CurrentUser),
        ):  # fmt: skip
            yield node.sql("postgres").lower(), "stable"


def _snippet(node: exp.Expr) -> str:
    try:
        text = node.sql("postgres", comments=False)
    except Exception:  # a node that cannot be written is named by its class
        text = type(node).__name__
    return repr(text if len(text) <= 60 else text[:59] + "…")
