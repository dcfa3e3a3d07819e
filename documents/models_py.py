"""`models.py`: typed SQLAlchemy 2 models, generated from the live catalog.

Policies, roles, grants, triggers and extensions are not part of the models: they belong to the
migrations, as does every change.
"""

from __future__ import annotations

import keyword
import re

from ..domain.catalog import Catalog, CatalogColumn, CatalogConstraint, CatalogIndex, CatalogTable
from ..domain.design import Design
from ..domain.identifiers import snake_case
from .ddl import bare as bare_name
from .ddl import check_expression, exclusion_parts, index_parts, is_column
from .entities import tables_of
from .markdown import clean
from .relationships import Relationship, relationships_of
from .sqltypes import Imports, python_type, sql_type

# Attributes that declarative classes keep for themselves.
_TAKEN = frozenset({"metadata", "registry", "mapper", "model_config"})
_COLON, _ESCAPED_COLON = re.compile("(?<!:):(?!:)"), r"\\:"
_ENDINGS = (
    ("ies", "y", 4), ("sses", "ss", 5), ("shes", "sh", 5), ("ches", "ch", 5), ("xes", "x", 4),
    ("zzes", "zz", 5), ("uses", "us", 5),
)  # fmt: skip
_SINGULAR = ("ss", "us", "is", "news", "series", "species")


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


def class_names(catalog: Catalog) -> dict[str, str]:
    """A class name for each table: `order_items` → `OrderItem`; no two alike."""
    found: dict[str, str] = {}
    for table in tables_of(catalog):
        words = [word for word in re.split(r"[^A-Za-z0-9]+", table.name) if word]
        plural = "".join(word[0].upper() + word[1:] for word in words)
        if words:
            words[-1] = singular(words[-1])
        name = "".join(word[0].upper() + word[1:] for word in words) or "Table"
        if not re.match(r"[A-Za-z]", name):
            name, plural = f"Table{name}", f"Table{plural}"
        candidates = [name, plural, *(f"{name}{n}" for n in range(2, 1000))]
        taken = {*found.values(), *_RESERVED_CLASSES}
        found[table.name] = next(c for c in candidates if c and c not in taken)
    return found


# Names that the module imports or defines.
_RESERVED_CLASSES = frozenset(
    """
    Base Any Decimal Mapped Range Identity Computed Index Integer BigInteger SmallInteger String
    Text Numeric Boolean Date DateTime Time Interval Uuid LargeBinary Double REAL CHAR ARRAY JSON
    JSONB INET CIDR MACADDR CITEXT TSVECTOR TIMESTAMP TIME INTERVAL BYTEA ENUM UUID
    DeclarativeBase ForeignKeyConstraint PrimaryKeyConstraint UniqueConstraint CheckConstraint
    ExcludeConstraint INT4RANGE INT8RANGE NUMRANGE TSRANGE TSTZRANGE DATERANGE True False None
    """.split()
)


def singular(word: str) -> str:
    """The singular of an English plural by its ending; other words stay."""
    lower = word.lower()
    if lower.endswith(_SINGULAR) or not lower.endswith("s") or len(lower) < 4:
        return word
    for ending, instead, least in _ENDINGS:
        if lower.endswith(ending) and len(lower) >= least:
            return word[: -len(ending)] + instead
    return word[:-1]


def attribute_names(catalog: Catalog) -> dict[str, dict[str, str]]:
    """By table, the attribute of each column: the column's name where Python takes it."""
    found: dict[str, dict[str, str]] = {}
    for table in tables_of(catalog):
        mine: dict[str, str] = {}
        for column in table.columns:
            name = column.name
            if not name.isidentifier() or name.startswith("__"):
                name = snake_case(name).lstrip("_") or "column"
            if keyword.iskeyword(name) or name in _TAKEN:
                name += "_"
            while name in mine.values():
                name += "_"
            mine[column.name] = name
        found[table.name] = mine
    return found


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
    options = {}
    if table.schema_name != "public":
        options["schema"] = table.schema_name
    if table.comment:
        options["comment"] = table.comment
    if options:
        inside = ", ".join(f"{literal(key)}: {literal(value)}" for key, value in options.items())
        arguments.append("{" + inside + "}")
    if arguments:
        lines += ["    __table_args__ = (", *(f"        {a}," for a in arguments), "    )"]
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


def _table_arguments(table: CatalogTable, imports: Imports) -> list[str]:
    found = [_constraint(constraint, table, imports) for constraint in table.constraints]
    backed = {constraint.name for constraint in table.constraints}
    for index in table.indexes:
        if not index.constraint and index.name not in backed:
            found.append(_index(index, imports))
    return found


def _constraint(constraint: CatalogConstraint, table: CatalogTable, imports: Imports) -> str:
    columns = [literal(column) for column in constraint.columns]
    name = f"name={literal(constraint.name)}"
    text = constraint.definition
    extra = [name]
    # Only what follows the last bracket are options; before it may stand anything.
    tail = text[text.rfind(")") + 1 :]
    if " DEFERRABLE" in tail and " NOT DEFERRABLE" not in tail:
        extra.append("deferrable=True")
        if " INITIALLY DEFERRED" in tail:
            extra.append('initially="DEFERRED"')
    if constraint.kind == "primary key":
        imports.add("sqlalchemy", "PrimaryKeyConstraint")
        return f"PrimaryKeyConstraint({', '.join([*columns, *extra])})"
    if constraint.kind == "unique":
        imports.add("sqlalchemy", "UniqueConstraint")
        if "NULLS NOT DISTINCT" in text[: text.find("(")]:
            extra.append("postgresql_nulls_not_distinct=True")
        return f"UniqueConstraint({', '.join([*columns, *extra])})"
    if constraint.kind == "foreign key":
        imports.add("sqlalchemy", "ForeignKeyConstraint")
        for clause in ("DELETE", "UPDATE"):
            action = re.search(rf" ON {clause} (CASCADE|SET NULL|SET DEFAULT|RESTRICT)", tail)
            if action:
                extra.append(f"on{clause.lower()}={literal(action[1])}")
        target = constraint.references or ""
        targets = ", ".join(literal(f"{target}.{c}") for c in constraint.referenced_columns)
        return f"ForeignKeyConstraint([{', '.join(columns)}], [{targets}], {', '.join(extra)})"
    if constraint.kind == "exclusion":
        imports.add("sqlalchemy.dialects.postgresql", "ExcludeConstraint")
        parts = exclusion_parts(text)
        elements = [
            f"({_sql(expression, imports)}, {literal(operator)})"
            for expression, operator in parts.elements
        ]
        if parts.where:
            extra.append(f"where={_sql(parts.where, imports)}")
        extra.append(f"using={literal(parts.method)}")
        return f"ExcludeConstraint({', '.join([*elements, *extra])})"
    imports.add("sqlalchemy", "CheckConstraint")
    return f"CheckConstraint({_sql(check_expression(text), imports)}, {', '.join(extra)})"


def _index(index: CatalogIndex, imports: Imports) -> str:
    imports.add("sqlalchemy", "Index")
    parts = index_parts(index.definition)
    arguments = [literal(index.name)]
    for key in parts.keys:
        arguments.append(literal(bare_name(key)) if is_column(key) else _sql(key, imports))
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
    return f"Index({', '.join(arguments)})"


def _sql(text: str, imports: Imports) -> str:
    """The text as `text("…")`; a colon would begin a parameter there."""
    imports.add("sqlalchemy", "text")
    return f"text({literal(_COLON.sub(_ESCAPED_COLON, text))})"


def literal(text: str) -> str:
    """The text as a Python string literal in double quotes."""
    return '"' + repr("'" + text)[2:-1].replace('"', '\\"') + '"'


def _docstring(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', "'''").rstrip('"')[:400]
