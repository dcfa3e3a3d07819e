"""Fences: table definitions in SQL, Prisma, DBML, Mermaid and TypeScript, parsed and never run.

Of SQL only CREATE TABLE is read, by sqlglot; every other statement is listed as not read.
"""

from __future__ import annotations

import re

from ...domain.design import OnDelete, Unread
from .book import Book, EntityFact, FieldFact, cite
from .fields import Known, read_modifiers, stated_type
from .markdown import Fence
from .vocabulary import entity_key

MAX_FENCE = 200_000
_SQL = frozenset("sql postgres postgresql pgsql psql mysql sqlite ddl plpgsql".split())


def read_fences(book: Book, fences: list[Fence]) -> None:
    """Add the entities that the fences define; list what is not read."""
    for fence in fences:
        info = fence.info.lower().split(" ")[0].strip("{}")
        code = fence.code
        if len(code) > MAX_FENCE:
            book.unread.append(Unread(line=fence.line, text=code[:80], reason="code too long"))
        elif info in _SQL or (not info and re.search(r"(?i)\bcreate\s+table\b", code)):
            _read_sql(book, fence)
        elif info == "prisma" or (not info and re.search(r"(?m)^model \w+ \{", code)):
            _read_prisma(book, fence)
        elif info == "dbml" or (not info and re.search(r"(?m)^Table \w+", code)):
            _read_dbml(book, fence)
        elif info == "mermaid" and "erDiagram" in code:
            _read_mermaid(book, fence)
        elif info in ("ts", "typescript") and re.search(r"\b(?:interface|type) \w+", code):
            _read_typescript(book, fence)
        elif code.strip():
            first = next((line for line in code.splitlines() if line.strip()), "")
            book.unread.append(
                Unread(line=fence.line, text=first[:200], reason="a code block of another kind")
            )


def _add(book: Book, name: str, line: int, quote: str) -> EntityFact:
    key = entity_key(name)
    if key not in book.entities:
        book.entities[key] = EntityFact(name, cite(line, quote))
    return book.entities[key]


# SQL


def _read_sql(book: Book, fence: Fence) -> None:
    import sqlglot
    from sqlglot import expressions as exp
    from sqlglot.errors import SqlglotError

    for line, text in _statements(fence):
        try:
            tree = sqlglot.parse_one(text, dialect="postgres")
        except (SqlglotError, RecursionError):
            tree = None
        if (
            not isinstance(tree, exp.Create)
            or tree.kind != "TABLE"
            or not isinstance(tree.this, exp.Schema)
        ):
            book.unread.append(
                Unread(
                    line=line, text=" ".join(text.split())[:200],
                    reason="only CREATE TABLE is read from SQL; it is not run",
                )
            )  # fmt: skip
            continue
        _read_table(book, tree, text, line)


def _statements(fence: Fence) -> list[tuple[int, str]]:
    """The statements of a script with their lines, split at semicolons outside of quotes."""
    found: list[tuple[int, str]] = []
    start = 0
    for match in re.finditer(
        r"'[^']*'|\"[^\"]*\"|--[^\n]*|\$\$.*?\$\$|/\*.*?\*/|;", fence.code, re.DOTALL
    ):
        if match[0] == ";":
            found.append((start, fence.code[start : match.start()]))
            start = match.end()
    found.append((start, fence.code[start:]))
    result = []
    for at, text in found:
        bare = (
            re.sub(r"(?:\s*--[^\n]*\n)+", "", text, count=1)
            if text.lstrip().startswith("--")
            else text
        )
        if bare.strip():
            lead = text.index(bare.strip()[:20]) if bare.strip()[:20] in text else 0
            result.append((fence.line + fence.code[: at + lead].count("\n"), bare.strip()))
    return result


def _read_table(book: Book, tree: object, text: str, line: int) -> None:
    from sqlglot import expressions as exp

    assert isinstance(tree, exp.Create)
    schema = tree.this
    name = schema.this.name
    entity = _add(book, name, line, " ".join(text.split()))
    offset = 0
    for part in schema.expressions:
        if isinstance(part, exp.ColumnDef):
            at = re.search(rf"\b{re.escape(part.name)}\b", text[offset:])
            if at:
                offset += at.start()
            where = line + text[:offset].count("\n")
            entity.fields.append(_sql_column(part, where))
            continue
        source = cite(line, part.sql("postgres"))
        inner = (
            part.expressions[0] if isinstance(part, exp.Constraint) and part.expressions else part
        )
        columns = tuple(
            c.name
            for c in inner.expressions
            if isinstance(c, exp.Identifier | exp.Ordered | exp.Column)
        )
        if isinstance(inner, exp.PrimaryKey):
            entity.primary_key = columns or entity.primary_key
        elif isinstance(inner, exp.UniqueColumnConstraint):
            listed = inner.this.expressions if inner.this is not None else []
            entity.uniques.append((tuple(c.name for c in listed), source))
        elif isinstance(inner, exp.ForeignKey):
            reference = inner.args.get("reference")
            target = reference.this if reference else None
            if isinstance(target, exp.Schema):
                of_target = tuple(c.name for c in target.expressions)
                target_name = target.this.name
            else:
                of_target, target_name = (), target.name if target else ""
            if len(columns) == 1:
                for fact in entity.fields:
                    if fact.name == columns[0]:
                        fact.references = target_name
            else:
                entity.keys.append((columns, target_name, of_target, "NO ACTION", source))
        elif isinstance(inner, exp.CheckColumnConstraint | exp.Check):
            entity.checks.append((inner.this.sql("postgres"), source))


def _sql_column(part: object, line: int) -> FieldFact:
    from sqlglot import expressions as exp

    assert isinstance(part, exp.ColumnDef)
    fact = FieldFact(part.name, cite(line, part.sql("postgres")), nullable=True)
    kind = part.args.get("kind")
    words = kind.sql("postgres").lower() if kind else ""
    if "serial" in words:
        fact.identity = True
        words = "bigint"
    fact.type = stated_type(words) if words else None
    for constraint in part.args.get("constraints") or ():
        rule = constraint.kind
        if isinstance(rule, exp.PrimaryKeyColumnConstraint):
            fact.primary, fact.nullable = True, False
        elif isinstance(rule, exp.NotNullColumnConstraint):
            fact.nullable = bool(rule.args.get("allow_null"))
        elif isinstance(rule, exp.UniqueColumnConstraint):
            fact.unique = True
        elif isinstance(rule, exp.DefaultColumnConstraint):
            fact.default = rule.this.sql("postgres").strip("'").lower()
            if isinstance(rule.this, exp.Literal):
                fact.default = rule.this.name
            if fact.default == "current_timestamp":
                fact.default = "now"
            elif fact.default == "gen_random_uuid()":
                fact.default = "random uuid"
        elif isinstance(rule, exp.Reference):
            target = rule.this
            fact.references = target.this.name if isinstance(target, exp.Schema) else target.name
            options = " ".join(str(o) for o in rule.args.get("options") or ()).upper()
            actions: tuple[OnDelete, ...] = ("CASCADE", "SET NULL", "RESTRICT")
            fact.on_delete = next((o for o in actions if f"ON DELETE {o}" in options), None)
        elif isinstance(rule, exp.CheckColumnConstraint):
            _sql_check(rule, fact)
    return fact


def _sql_check(rule: object, fact: FieldFact) -> None:
    from sqlglot import expressions as exp

    assert isinstance(rule, exp.CheckColumnConstraint)
    body = rule.this.unnest()
    if isinstance(body, exp.In) and body.this.name == fact.name:
        literals = [e for e in body.expressions if isinstance(e, exp.Literal) and e.is_string]
        if literals and len(literals) == len(body.expressions):
            fact.values = tuple(e.name for e in literals)
            return
    text = body.sql("postgres")
    match = re.fullmatch(rf"{re.escape(fact.name)}\s*(>=|<=|<>|>|<)\s*(-?\d+(?:\.\d+)?)", text)
    if match:
        fact.bounds.append((f"{match[1]} {match[2]}", text))
    else:
        fact.notes.append(text)


# Prisma, DBML, Mermaid, TypeScript: one definition a line


def _lines(fence: Fence) -> list[tuple[int, str]]:
    return [(fence.line + n, line.strip()) for n, line in enumerate(fence.code.splitlines())]


def _read_prisma(book: Book, fence: Fence) -> None:
    names = set(re.findall(r"(?m)^\s*model\s+(\w+)", fence.code))
    enums = {
        match[1]: tuple(v for v in match[2].split() if re.fullmatch(r"\w+", v))
        for match in re.finditer(r"(?m)^\s*enum\s+(\w+)\s*\{([^{}]{0,5000})\}", fence.code)
    }
    entity: EntityFact | None = None
    for line, text in _lines(fence):
        if match := re.match(r"model\s+(\w+)\s*\{", text):
            entity = _add(book, match[1], line, text)
        elif text.startswith("}"):
            entity = None
        elif entity is None or not text or text.startswith("//"):
            continue
        elif match := re.match(r"@@(id|unique)\(\[([^\]]{1,300})\]", text):
            columns = tuple(c.strip() for c in match[2].split(","))
            if match[1] == "id":
                entity.primary_key = columns
            else:
                entity.uniques.append((columns, cite(line, text)))
        elif match := re.match(r"(\w+)\s+(\w+)(\[\])?(\?)?\s*(.*)$", text):
            name, kind, many, maybe, rest = match.groups()
            if kind in names:
                key = re.search(r"fields:\s*\[(\w+)\]", rest)
                target = next((f for f in entity.fields if key and f.name == key[1]), None)
                if target is not None:
                    target.references = kind
                elif key:
                    entity.fields.append(
                        FieldFact(key[1], cite(line, text), references=kind, nullable=bool(maybe))
                    )
                continue
            fact = FieldFact(name, cite(line, text), nullable=bool(maybe))
            if kind in enums:
                fact.values = enums[kind]
            elif many:
                fact.type = "text[]" if kind == "String" else None
            else:
                fact.type = _PRISMA.get(kind)
            fact.primary = "@id" in rest
            fact.unique = "@unique" in rest
            if "@db.Uuid" in rest or "uuid()" in rest:
                fact.type = "uuid"
            if default := re.search(r"@default\((\w+|\"[^\"]{0,60}\")\)", rest):
                fact.default = default[1].strip('"')
            elif "now()" in rest:
                fact.default = "now"
            entity.fields.append(fact)


_PRISMA = {
    "String": "text", "Int": "integer", "BigInt": "bigint", "Float": "double precision",
    "Decimal": "numeric(12,2)", "Boolean": "boolean", "DateTime": "timestamptz", "Json": "jsonb",
    "Bytes": "bytea",
}  # fmt: skip


def _read_dbml(book: Book, fence: Fence) -> None:
    entity: EntityFact | None = None
    block = ""
    for line, text in _lines(fence):
        if match := re.match(r"Table\s+\"?(\w+)\"?", text, re.I):
            entity, block = _add(book, match[1], line, text), "table"
        elif re.match(r"(?:indexes|Enum|Note|Project)\b.*\{", text, re.I):
            block = "other"
        elif text.startswith("}"):
            block = "table" if block == "other" and entity is not None else ""
            entity = entity if block else None
        elif match := re.match(
            r"Ref\b[^:]{0,60}:\s*(\w+)\.(\w+)\s*([<>-])\s*(\w+)\.(\w+)", text, re.I
        ):
            child, column, arrow, parent = match[1], match[2], match[3], match[4]
            if arrow == "<":
                child, column, parent = match[4], match[5], match[1]
            for fact in book.entities.get(entity_key(child), EntityFact("", cite(1, ""))).fields:
                if fact.name == column:
                    fact.references = parent
        elif entity is not None and block == "table" and (
            match := re.match(r"\"?(\w+)\"?\s+([\w(), ]{1,40}?)\s*(?:\[(.{1,300})\])?\s*$", text)
        ):  # fmt: skip
            fact = FieldFact(match[1], cite(line, text), type=stated_type(match[2]), nullable=True)
            for setting in (match[3] or "").split(","):
                setting = setting.strip()
                if reference := re.match(r"ref:\s*[<>-]\s*(\w+)\.(\w+)", setting):
                    fact.references = reference[1]
                elif setting.lower() in ("pk", "primary key"):
                    fact.primary, fact.nullable = True, False
                elif setting:
                    read_modifiers(setting.replace("default:", "default "), fact, _no_entity)
            entity.fields.append(fact)


def _read_mermaid(book: Book, fence: Fence) -> None:
    entity: EntityFact | None = None
    for line, text in _lines(fence):
        if match := re.match(r"\"?([\w-]+)\"?\s*\{", text):
            entity = _add(book, match[1], line, text)
        elif text.startswith("}"):
            entity = None
        elif match := re.match(
            r"\"?([\w-]+)\"?\s+([|}o]{1,2})(?:--|\.\.)([|"
            r"{o]{1,2})\s+\"?([\w-]+)\"?\s*(?::\s*(.*))?$",
            text,
        ):
            _mermaid_link(book, match, line, text)
        elif entity is not None and (
            match := re.match(r"([\w()\[\],]+)\s+(\w+)\s*(PK|FK|UK)?(?:\s*,\s*(PK|FK|"
                              r"UK))?\s*(\".*\")?$", text)
        ):  # fmt: skip
            fact = FieldFact(match[2], cite(line, text), type=stated_type(match[1]))
            marks = {match[3], match[4]}
            fact.primary = "PK" in marks
            fact.unique = "UK" in marks
            if "FK" in marks:
                fact.references = match[2].removesuffix("_id").removesuffix("Id")
            entity.fields.append(fact)


def _mermaid_link(book: Book, match: re.Match[str], line: int, text: str) -> None:
    from .book import Statement

    left, a, b, right, label = match.groups()
    for name in (left, right):
        _add(book, name, line, text)
    many_left, many_right = "}" in a, "{" in b
    ratio = f"{'N' if many_left else '1'}:{'N' if many_right else '1'}"
    book.statements.append(
        Statement(line=line, text=f"{left} {ratio} {right}", role="links", heading=label or "")
    )


def _read_typescript(book: Book, fence: Fence) -> None:
    entity: EntityFact | None = None
    names = set(re.findall(r"\b(?:interface|type)\s+(\w+)", fence.code))
    for line, text in _lines(fence):
        if match := re.match(r"(?:export\s+)?(?:interface|type|class)\s+(\w+)[^{]{0,80}\{", text):
            entity = _add(book, match[1], line, text)
        elif text.startswith("}"):
            entity = None
        elif entity is not None and (
            match := re.match(r"(?:readonly\s+)?(\w+)(\?)?\s*:\s*([^;,/]{1,200})[;,]?\s*(?://\s*("
                              r".*))?$", text)
        ):  # fmt: skip
            fact = FieldFact(match[1], cite(line, text), nullable=bool(match[2]))
            kind = match[3].strip()
            parts = [p.strip().strip("'\"") for p in kind.split("|")]
            if "null" in parts:
                fact.nullable = True
                parts = [p for p in parts if p != "null"]
            if len(parts) > 1 and "'" in kind + '"':
                fact.values = tuple(parts)
            elif parts[0].removesuffix("[]") in names:
                fact.references, fact.many = parts[0].removesuffix("[]"), parts[0].endswith("[]")
            elif parts[0] != "string":
                fact.type = {"Date": "timestamptz", "number": None, "boolean": "boolean",
                             "string[]": "text[]"}.get(parts[0], stated_type(parts[0]))  # fmt: skip
            if match[4]:
                read_modifiers(match[4], fact, _no_entity)
            entity.fields.append(fact)


def _no_entity(words: str) -> str | None:
    return None


__all__ = ["Known", "read_fences"]
