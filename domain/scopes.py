"""Name look-up in a query: every relation and column must be one that the design knows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from sqlglot import exp

from ..errors import ExpressionError

Columns = dict[str, str]
"""Columns of a source: name → the relation it comes from, "" for a computed one."""


def unknown(kind: str, name: str, known: Iterable[str], what: str) -> ExpressionError:
    """The error for a name that is not there, with the names most like it."""
    near = difflib.get_close_matches(name, sorted(set(known)), n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Use a {kind} of the design."
    return ExpressionError(f"{what}: there is no {kind} {name!r}.", hint=hint, name=name)


class Scope:
    """What the names in one SELECT stand for; `outer` is the enclosing SELECT's scope."""

    def __init__(self, lookup: Lookup, outer: Scope | None = None) -> None:
        self.lookup = lookup
        self.outer = outer
        self.sources: dict[str, Columns] = {}
        self.ctes: dict[str, Columns] = dict(outer.ctes) if outer else {}

    def beside(self) -> Scope:
        """The scope of a FROM item that is not LATERAL: it sees the CTEs, not its neighbours."""
        scope = Scope(self.lookup, self.outer)
        scope.ctes = dict(self.ctes)
        return scope

    def add(self, name: str, columns: Columns) -> None:
        """A source under its alias; the same alias twice is an error."""
        if name in self.sources:
            raise ExpressionError(f"{self.lookup.what}: {name!r} names two sources.")
        self.sources[name] = columns

    def resolve(self, column: exp.Column, aliases: Iterable[str] = ()) -> None:
        """Look a column reference up here, then outwards; note where it comes from."""
        self.lookup.saw(column)
        name, table = column.name, column.table
        scope: Scope | None = self
        known: list[str] = []
        while scope is not None:
            for source, columns in scope.sources.items():
                if table and source != table:
                    continue
                if isinstance(column.this, exp.Star):
                    return
                if name in columns:
                    if columns[name]:
                        self.lookup.note(columns[name], name)
                    return
                known.extend(columns)
            scope = scope.outer
        if not table and name in aliases:
            return
        if table and not self._visible(table):
            raise unknown("relation or alias", table, self._names(), self.lookup.what)
        raise unknown("column", name, known, self.lookup.what)

    def _visible(self, table: str) -> bool:
        return table in self.sources or (self.outer is not None and self.outer._visible(table))

    def _names(self) -> list[str]:
        return [*self.sources, *(self.outer._names() if self.outer else [])]


class Lookup:
    """Walks a checked query and collects the relations and columns it really uses."""

    def __init__(self, relations: Mapping[str, Mapping[str, str]], what: str) -> None:
        self.known = relations
        self.what = what
        self.relations: dict[str, None] = {}
        self.columns: dict[str, None] = {}
        self._seen: set[int] = set()

    def complete(self, tree: exp.Expr) -> None:
        """Raise ExpressionError unless every name of the tree was looked up."""
        for node in tree.find_all(exp.Table, exp.Column):
            if id(node) not in self._seen and not isinstance(node.this, exp.Star):
                raise ExpressionError(f"{self.what}: {node.name!r} stands where no name belongs.")

    def saw(self, node: exp.Expr) -> None:
        """Remember that this name was looked up."""
        self._seen.add(id(node))

    def note(self, relation: str, column: str) -> None:
        """Remember that the query reads or writes this column."""
        self.columns[f"{relation}.{column}"] = None

    def relation(self, table: exp.Table) -> Columns:
        """The columns of a known relation. Raises ExpressionError for any other."""
        schema, name = table.db, table.name
        if schema not in ("", "public"):
            raise ExpressionError(
                f"{self.what}: schema {schema!r} is not reachable.", hint="Name the relation alone."
            )
        if name not in self.known:
            raise unknown("relation", name, self.known, self.what)
        table.set("db", None)
        self.saw(table)
        self.relations[name] = None
        return dict.fromkeys(self.known[name], name)

    def query(self, node: exp.Expr, outer: Scope | None) -> Columns:
        """Check a SELECT or a set operation; its output columns, by name."""
        while isinstance(node, (exp.Subquery, exp.Paren)):
            node = node.this
        scope = Scope(self, outer)
        self._ctes(node, scope)
        if isinstance(node, exp.Values):
            self._expressions(node.expressions, scope)
            width = max((len(row.expressions) for row in node.expressions), default=0)
            return {f"column{n + 1}": "" for n in range(width)}
        if isinstance(node, exp.SetOperation):
            result = self.query(node.this, scope)
            self.query(node.expression, scope)
            inner = Scope(self, scope)
            inner.add("", dict.fromkeys(result, ""))
            self._expressions([node.args.get(k) for k in ("order", "limit", "offset")], inner)
            return dict.fromkeys(result, "")
        if not isinstance(node, exp.Select):
            raise ExpressionError(f"{self.what}: a SELECT is expected here.")
        return self._select(node, scope)

    def _ctes(self, node: exp.Expr, scope: Scope) -> None:
        clause = node.args.get("with_")
        if clause is None:
            return
        for cte in clause.expressions:
            declared = [column.name for column in cte.args["alias"].args.get("columns") or []]
            if clause.args.get("recursive") and isinstance(cte.this, exp.SetOperation):
                # The name is visible inside its own second branch, with the first one's columns.
                first = self.query(cte.this.this, scope)
                scope.ctes[cte.alias] = dict.fromkeys(declared or first, "")
            columns = self.query(cte.this, scope)
            scope.ctes[cte.alias] = dict.fromkeys(declared, "") if declared else columns

    def _select(self, node: exp.Select, scope: Scope) -> Columns:
        tables = [node.args["from_"].this] if node.args.get("from_") else []
        tables += [join.this for join in node.args.get("joins") or []]
        for table in tables:
            self._source(table, scope)
        for join in node.args.get("joins") or []:
            for shared in join.args.get("using") or []:
                scope.resolve(exp.column(shared.name))
        output: Columns = {}
        for item in node.expressions:
            output.update(self._output(item, scope))
        clauses = ("expressions", "distinct", "joins", "where", "having", "windows", "limit",
                   "offset")  # fmt: skip
        names = [w.name for w in node.args.get("windows") or []]
        for clause in clauses:
            self._expressions(_listed(node.args.get(clause)), scope, skip=tables, windows=names)
        for clause in ("group", "order"):
            self._expressions(_listed(node.args.get(clause)), scope, aliases=output, windows=names)
        return output

    def _output(self, item: exp.Expr, scope: Scope) -> Columns:
        if isinstance(item, exp.Star):
            return {n: r for columns in scope.sources.values() for n, r in columns.items()}
        if isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
            return dict(scope.sources.get(item.table, {}))
        if isinstance(item, exp.Column):
            for source, columns in scope.sources.items():
                if item.name in columns and item.table in ("", source):
                    return {item.name: columns[item.name]}
        inner = item.this if isinstance(item, exp.Alias) else item
        name = item.alias or (inner.name if isinstance(inner, exp.Anonymous) else item.name)
        return {name: ""} if name else {}

    def _source(self, table: exp.Expr, scope: Scope) -> None:
        alias = table.args.get("alias")
        listed = alias.args.get("columns") or [] if isinstance(alias, exp.TableAlias) else []
        declared = [column.name for column in listed]
        if isinstance(table, exp.Table) and isinstance(table.this, exp.Identifier):
            for join in table.args.get("joins") or []:
                self._source(join.this, scope)
            cte = scope.ctes.get(table.name) if not table.db else None
            self.saw(table)
            columns = cte if cte is not None else self.relation(table)
        elif isinstance(table, (exp.Subquery, exp.Values)):
            columns = self.query(table, scope.beside())
        elif isinstance(table, exp.Lateral) and isinstance(table.this, exp.Subquery):
            columns = self.query(table.this, scope)
        elif isinstance(table, exp.Unnest) or (
            isinstance(table, (exp.Table, exp.Lateral)) and isinstance(table.this, exp.Anonymous)
        ):
            self.saw(table)
            columns = self._function(table, scope)
        else:
            raise ExpressionError(f"{self.what}: FROM names relations and sub-queries only.")
        if declared:
            columns = dict.fromkeys([*declared, *list(columns)[len(declared) :]], "")
        scope.add(table.alias_or_name, columns)

    def _function(self, table: exp.Expr, scope: Scope) -> Columns:
        self._expressions(list(table.iter_expressions()), scope)
        called = table.this.name.lower() if isinstance(table.this, exp.Anonymous) else "unnest"
        return {table.alias_or_name or called: "", "key": "", "value": ""}

    def _expressions(
        self,
        nodes: Sequence[exp.Expr | None],
        scope: Scope,
        *,
        aliases: Iterable[str] = (),
        skip: Sequence[exp.Expr] = (),
        windows: Sequence[str] = (),
    ) -> None:
        """Resolve the columns below `nodes`; a nested query gets a scope of its own."""
        stack = [node for node in nodes if node is not None]
        while stack:
            node = stack.pop()
            if any(node is table for table in skip):
                continue
            if isinstance(node, (exp.Select, exp.SetOperation)):
                self.query(node, scope)
            elif isinstance(node, exp.Column):
                scope.resolve(node, aliases)
            else:
                stack.extend(node.iter_expressions())

    def write(self, node: exp.Insert | exp.Update | exp.Delete) -> None:
        """Check an INSERT, UPDATE or DELETE on exactly one known relation."""
        target = node.this.this if isinstance(node.this, exp.Schema) else node.this
        if not isinstance(target, exp.Table):
            raise ExpressionError(f"{self.what}: one relation must be named.")
        columns = self.relation(target)
        scope = Scope(self)
        scope.add(target.alias_or_name, columns)
        if isinstance(node, exp.Insert):
            if not isinstance(node.this, exp.Schema) or not isinstance(node.expression, exp.Values):
                raise ExpressionError(
                    f"{self.what}: an INSERT names its columns and gives VALUES.",
                    hint="Write INSERT INTO relation (a, b) VALUES (:a, :b).",
                )
            for identifier in node.this.expressions:
                scope.resolve(exp.column(identifier.name))
            self._expressions(node.expression.expressions, Scope(self))
            conflict = node.args.get("conflict")
            if conflict is not None:
                for key in conflict.args.get("conflict_keys") or []:
                    for column in key.find_all(exp.Column) or []:
                        scope.resolve(column)
                self._conflict(conflict, scope, columns)
        for clause in ("expressions", "where", "returning"):
            self._expressions(_listed(node.args.get(clause)), scope)

    def _conflict(self, conflict: exp.OnConflict, scope: Scope, columns: Columns) -> None:
        scope.sources["excluded"] = columns
        for clause in ("expressions", "where", "index_predicate"):
            self._expressions(_listed(conflict.args.get(clause)), scope)
        del scope.sources["excluded"]


def _listed(value: object) -> list[exp.Expr]:
    values = value if isinstance(value, list) else [value]
    return [v for v in values if isinstance(v, exp.Expr)]
