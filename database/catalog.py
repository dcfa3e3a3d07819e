"""Reading the live catalog: what the server really holds, in its own words."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

from ..domain.catalog import (
    Catalog,
    CatalogColumn,
    CatalogConstraint,
    CatalogIndex,
    CatalogPolicy,
    CatalogTable,
    CatalogTrigger,
)
from .fingerprint import VERSION_TABLE

# Names are resolved under the user's usual path, so that definitions stay short.
_TABLES = """
SELECT c.oid::int8 AS oid, n.nspname AS schema_name, c.relname AS name,
  c.relrowsecurity AS row_security, c.relforcerowsecurity AS force_row_security,
  coalesce(obj_description(c.oid, 'pg_class'), '') AS comment,
  c.reltuples::int8 AS estimated_rows, pg_total_relation_size(c.oid) AS size_bytes,
  coalesce((SELECT array_agg(ARRAY[g.grantee, g.privilege] ORDER BY g.grantee, g.privilege)
    FROM (SELECT CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(e.grantee)::text END
            AS grantee, e.privilege_type AS privilege
          FROM aclexplode(c.relacl) e WHERE e.grantee <> c.relowner) g), '{}') AS grants
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_class'::regclass
                  AND x.objid = c.oid AND x.deptype = 'e')
ORDER BY n.nspname, c.relname
"""

_COLUMNS = """
SELECT a.attrelid::int8 AS oid, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
  NOT a.attnotnull AS nullable,
  CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END AS "default",
  a.attidentity <> '' AS identity,
  CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END AS generated,
  coalesce(col_description(a.attrelid, a.attnum), '') AS comment
FROM pg_attribute a
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = ANY(%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""

_CONSTRAINTS = """
SELECT k.conrelid::int8 AS oid, k.conname AS name,
  CASE k.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' WHEN 'f' THEN 'foreign key'
    WHEN 'c' THEN 'check' ELSE 'exclusion' END AS kind,
  ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, i)
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.i) AS columns,
  pg_get_constraintdef(k.oid) AS definition, r.relname AS "references",
  ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(n, i)
    JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.i)
    AS referenced_columns,
  k.convalidated AS validated
FROM pg_constraint k LEFT JOIN pg_class r ON r.oid = k.confrelid
WHERE k.conrelid = ANY(%s::oid[]) AND k.contype IN ('p', 'u', 'f', 'c', 'x')
ORDER BY k.conrelid, array_position(ARRAY['p', 'u', 'f', 'c', 'x']::"char"[], k.contype), k.conname
"""

_INDEXES = """
SELECT x.indrelid::int8 AS oid, i.relname AS name, pg_get_indexdef(x.indexrelid) AS definition,
  m.amname AS method, x.indisunique AS "unique", x.indisvalid AS valid,
  pg_relation_size(i.oid) AS size_bytes,
  ARRAY(SELECT pg_get_indexdef(x.indexrelid, n, true) FROM generate_series(1, x.indnkeyatts) n
        ORDER BY n) AS columns,
  EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.oid AND k.contype IN ('p', 'u', 'x'))
    AS "constraint"
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_am m ON m.oid = i.relam
WHERE x.indrelid = ANY(%s::oid[]) ORDER BY x.indrelid, i.relname
"""

_POLICIES = """
SELECT p.polrelid::int8 AS oid, p.polname AS name,
  CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
    WHEN 'd' THEN 'DELETE' ELSE 'ALL' END AS command,
  ARRAY(SELECT CASE WHEN r = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r)::text END
        FROM unnest(p.polroles) r) AS roles,
  pg_get_expr(p.polqual, p.polrelid) AS "using",
  pg_get_expr(p.polwithcheck, p.polrelid) AS with_check
FROM pg_policy p WHERE p.polrelid = ANY(%s::oid[]) ORDER BY p.polrelid, p.polname
"""

_TRIGGERS = """
SELECT t.tgrelid::int8 AS oid, t.tgname AS name, pg_get_triggerdef(t.oid) AS definition,
  t.tgenabled <> 'D' AS enabled
FROM pg_trigger t WHERE NOT t.tgisinternal AND t.tgrelid = ANY(%s::oid[])
ORDER BY t.tgrelid, t.tgname
"""

_DATABASE = """
SELECT current_setting('server_version') AS server_version, current_database() AS database,
  ARRAY(SELECT extname::text FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1) AS extensions
"""

_ENUMS = """
SELECT t.typname AS name, array_agg(e.enumlabel::text ORDER BY e.enumsortorder) AS labels
FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid GROUP BY t.oid, t.typname ORDER BY t.typname
"""


def read_catalog(connection: psycopg.Connection, *, version_table: bool = False) -> Catalog:
    """The user's tables with all that belongs to them, read in one snapshot.

    `version_table` includes Alembic's own table. Raises psycopg.Error if the server refuses.
    """
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SET LOCAL search_path = public")
        tables = [
            row
            for row in cursor.execute(_TABLES).fetchall()
            if version_table or row["name"] != VERSION_TABLE
        ]
        oids = [row["oid"] for row in tables]

        def parts(query: str) -> dict[int, list[dict[str, Any]]]:
            grouped: dict[int, list[dict[str, Any]]] = {}
            for row in cursor.execute(query, (oids,)).fetchall():
                grouped.setdefault(row.pop("oid"), []).append(row)
            return grouped

        columns, constraints = parts(_COLUMNS), parts(_CONSTRAINTS)
        indexes, policies, triggers = parts(_INDEXES), parts(_POLICIES), parts(_TRIGGERS)
        facts = cursor.execute(_DATABASE).fetchall()[0]
        enums = cursor.execute(_ENUMS).fetchall()
    return Catalog(
        server_version=facts["server_version"].split(" ")[0],
        database=facts["database"],
        tables=tuple(
            CatalogTable(
                **{key: value for key, value in row.items() if key not in ("oid", "grants")},
                grants=tuple((grant[0], grant[1]) for grant in row["grants"]),
                columns=tuple(CatalogColumn(**part) for part in columns.get(row["oid"], [])),
                constraints=tuple(
                    CatalogConstraint(**part) for part in constraints.get(row["oid"], [])
                ),
                indexes=tuple(CatalogIndex(**part) for part in indexes.get(row["oid"], [])),
                policies=tuple(CatalogPolicy(**part) for part in policies.get(row["oid"], [])),
                triggers=tuple(CatalogTrigger(**part) for part in triggers.get(row["oid"], [])),
            )
            for row in tables
        ),
        extensions=tuple(facts["extensions"]),
        enums=tuple((row["name"], tuple(row["labels"])) for row in enums),
    )
