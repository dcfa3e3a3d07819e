"""`models.py`: typed SQLAlchemy 2 models, generated from the live catalog.

Policies, roles, grants, triggers and extensions are not part of the models: they belong to the
migrations, as does every change.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from ..domain.catalog import Catalog, CatalogColumn, CatalogConstraint, CatalogIndex, CatalogTable
from ..domain.design import Design
from .ddl import bare, check_expression, exclusion_parts, index_parts, is_column
from .entities import tables_of
from .markdown import clean
from .python_names import attribute_names, class_names
from .relationships import Relationship, relationships_of
from .sqltypes import Imports, python_type, sql_type

_COLON, _ESCAPED_COLON = re.compile("(?<!:):(?!:)"), r"\\:"


def models_module(catalog: Catalog, design: Design) -> str:
    """The text of the module."""
    names = class_names(catalog)
    relationships = relationships_of(catalog, names, attribute_names(catalog))
    imports = Imports()
    imports.add("sqlalchemy.orm", "DeclarativeBase")
    bodies = [
        _class(table, names, relationships.get(table.name, ()), imports, catalog)
        for table in tables_of(catalog)
    ]
    title = clean(design.title or design.name).replace("\\", "").replace('"""', "")
    head = [
        f'"""SQLAlchemy models of {title}, written by A13 from the live catalog.',
        "",
        f"Server: PostgreSQL {catalog.server_version}. Change the schema by a migration, not here.",
        "Row-level security, roles and grants are in the migrations.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        *imports.lines(),
        "",
        "",
        "class Base(DeclarativeBase):",
        '    """The base of all models."""',
        "",
    ]
    return "\n".join(head) + "\n" + "\n".join(bodies)


def _class(
    table: CatalogTable,
    names: dict[str, str],
    relationships: tuple[Relationship, ...],
    imports: Imports,
    catalog: Catalog,
) -> str:
    attributes = attribute_names(catalog)[table.name]
    words = clean(table.comment) or f"A row of {table.name}."
    lines = ["", f"class {names[table.name]}(Base):", f'    """{_docstring(words)}"""', ""]
    lines.append(f"    __tablename__ = {literal(table.name)}")
    arguments = _table_arguments(table, imports)
    written = [call.lines("        ") for call in arguments]
    options = {}
    if table.schema_name != "public":
        options["schema"] = table.schema_name
    if table.comment:
        options["comment"] = table.comment
    if options:
        inside = ", ".join(f"{literal(key)}: {literal(value)}" for key, value in options.items())
        written.append("        {" + inside + "},")
    if written:
        lines += ["    __table_args__ = (", *written, "    )"]
    lines.append("")
    lines += [_column(column, table, attributes[column.name], imports) for column in table.columns]
    if relationships:
        imports.add("sqlalchemy.orm", "relationship")
        imports.add("sqlalchemy.orm", "Mapped")
        lines.append("")
        lines += [relationship.line() for relationship in relationships]
    return "\n".join(lines) + "\n"


def _column(column: CatalogColumn, table: CatalogTable, attribute: str, imports: Imports) -> str:
    imports.add("sqlalchemy.orm", "Mapped")
    imports.add("sqlalchemy.orm", "mapped_column")
    annotation = python_type(column.type, imports)
    if column.nullable:
        annotation += " | None"
    arguments = [literal(column.name)] if attribute != column.name else []
    arguments.append(sql_type(column.type, imports))
    if column.identity:
        imports.add("sqlalchemy", "Identity")
        arguments.append("Identity(always=True)")
    elif column.generated:
        imports.add("sqlalchemy", "Computed")
        arguments.append(f"Computed({literal(column.generated)}, persisted=True)")
    elif column.default is not None:
        arguments.append(f"server_default={_sql(column.default, imports)}")
    primary = any(k.kind == "primary key" and column.name in k.columns for k in table.constraints)
    if not column.nullable and not primary:
        arguments.append("nullable=False")
    if column.comment:
        arguments.append(f"comment={literal(column.comment)}")
    line = f"    {attribute}: Mapped[{annotation}] = mapped_column("
    one = line + ", ".join(arguments) + ")"
    if len(one) <= 100:
        return one
    return "\n".join([line, *(f"        {argument}," for argument in arguments), "    )"])


class _Call(NamedTuple):
    """A call to write: its function and its arguments."""

    name: str
    arguments: list[str]

    def lines(self, indent: str) -> str:
        """The call as an item of a tuple; arguments below each other where it is long."""
        one = f"{indent}{self.name}({', '.join(self.arguments)}),"
        if len(one) <= 100:
            return one
        inside = [f"{indent}    {argument}," for argument in self.arguments]
        return "\n".join([f"{indent}{self.name}(", *inside, f"{indent}),"])


def _table_arguments(table: CatalogTable, imports: Imports) -> list[_Call]:
    found = [_constraint(constraint, imports) for constraint in table.constraints]
    backed = {constraint.name for constraint in table.constraints}
    for index in table.indexes:
        if not index.constraint and index.name not in backed:
            found.append(_index(index, imports))
    return found


def _constraint(constraint: CatalogConstraint, imports: Imports) -> _Call:
    columns = [literal(column) for column in constraint.columns]
    text = constraint.definition
    extra = [f"name={literal(constraint.name)}"]
    # Only what follows the last bracket are options; before it may stand anything.
    tail = text[text.rfind(")") + 1 :]
    if " DEFERRABLE" in tail and " NOT DEFERRABLE" not in tail:
        extra.append("deferrable=True")
        if " INITIALLY DEFERRED" in tail:
            extra.append('initially="DEFERRED"')
    if constraint.kind == "primary key":
        return _Call(imports.add("sqlalchemy", "PrimaryKeyConstraint"), [*columns, *extra])
    if constraint.kind == "unique":
        if "NULLS NOT DISTINCT" in text[: text.find("(")]:
            extra.append("postgresql_nulls_not_distinct=True")
        return _Call(imports.add("sqlalchemy", "UniqueConstraint"), [*columns, *extra])
    if constraint.kind == "foreign key":
        for clause in ("DELETE", "UPDATE"):
            action = re.search(rf" ON {clause} (CASCADE|SET NULL|SET DEFAULT|RESTRICT)", tail)
            if action:
                extra.append(f"on{clause.lower()}={literal(action[1])}")
        targets = [literal(f"{constraint.references}.{c}") for c in constraint.referenced_columns]
        return _Call(
            imports.add("sqlalchemy", "ForeignKeyConstraint"),
            [f"[{', '.join(columns)}]", f"[{', '.join(targets)}]", *extra],
        )
    if constraint.kind == "exclusion":
        parts = exclusion_parts(text)
        elements = [
            f"({_sql(expression, imports)}, {literal(operator)})"
            for expression, operator in parts.elements
        ]
        if parts.where:
            extra.append(f"where={_sql(parts.where, imports)}")
        return _Call(
            imports.add("sqlalchemy.dialects.postgresql", "ExcludeConstraint"),
            [*elements, *extra, f"using={literal(parts.method)}"],
        )
    check = _sql(check_expression(text), imports)
    return _Call(imports.add("sqlalchemy", "CheckConstraint"), [check, *extra])


def _index(index: CatalogIndex, imports: Imports) -> _Call:
    parts = index_parts(index.definition)
    arguments = [literal(index.name)]
    for key in parts.keys:
        arguments.append(literal(bare(key)) if is_column(key) else _sql(key, imports))
    if index.unique:
        arguments.append("unique=True")
    if parts.method != "btree":
        arguments.append(f"postgresql_using={literal(parts.method)}")
    if parts.include:
        arguments.append(f"postgresql_include=[{', '.join(map(literal, parts.include))}]")
    if parts.nulls_not_distinct:
        arguments.append("postgresql_nulls_not_distinct=True")
    if parts.where:
        arguments.append(f"postgresql_where={_sql(parts.where, imports)}")
    return _Call(imports.add("sqlalchemy", "Index"), arguments)


def _sql(text: str, imports: Imports) -> str:
    """The text as `sql_text("…")`; a colon would begin a parameter there."""
    imports.add("sqlalchemy", "text as sql_text")
    return f"sql_text({literal(_COLON.sub(_ESCAPED_COLON, text))})"


def literal(text: str) -> str:
    """The text as a Python string literal in double quotes (JSON's escapes are Python's too)."""
    return json.dumps(text, ensure_ascii=False)


def _docstring(text: str) -> str:
    return text[:400].replace("\\", "\\\\").replace('"', "'")
