"""The queries of the catalog fingerprint: each yields (kind, name, jsonb) rows.

Definitions are taken in the server's own words under `search_path = pg_catalog`. Members of
extensions and system schemas are left out; ACLs are expanded with `acldefault` and sorted, so that
"never granted" and "granted to the owner only" are equal; columns carry their logical rank, not
their attnum. Source: PostgreSQL 18 manual, chapter 52.
"""

from __future__ import annotations

# Objects of these schemas and members of extensions are not the user's.
_USER = (
    "{n} !~ '^pg_' AND {n} <> 'information_schema' AND NOT EXISTS (SELECT FROM pg_depend x"
    " WHERE x.classid = '{c}'::regclass AND x.objid = {o} AND x.deptype = 'e')"
)


def _user(catalog: str, oid: str, schema: str = "n.nspname") -> str:
    return _USER.format(n=schema, c=catalog, o=oid)


def _acl(column: str, kind: str, owner: str) -> str:
    return (
        f"(SELECT jsonb_agg(a ORDER BY a) FROM (SELECT DISTINCT concat_ws(' ',"
        f" CASE WHEN e.grantee = 0 THEN 'PUBLIC' WHEN e.grantee = {owner} THEN '(owner)'"
        f" ELSE pg_get_userbyid(e.grantee) END, e.privilege_type,"
        f" CASE WHEN e.is_grantable THEN 'grantable' END) AS a"
        f" FROM aclexplode(coalesce({column}, acldefault('{kind}', {owner}))) e) s)"
    )


_SCHEMAS = f"""
SELECT 'schema', n.nspname, jsonb_build_object(
  'owner', pg_get_userbyid(n.nspowner), 'acl', {_acl("n.nspacl", "n", "n.nspowner")},
  'comment', obj_description(n.oid, 'pg_namespace'))
FROM pg_namespace n WHERE {_user("pg_namespace", "n.oid")}
"""

_EXTENSIONS = """
SELECT 'extension', e.extname, jsonb_build_object(
  'schema', e.extnamespace::regnamespace::text, 'version', e.extversion,
  'comment', obj_description(e.oid, 'pg_extension'))
FROM pg_extension e WHERE e.extname <> 'plpgsql'
"""

_RELATIONS = f"""
SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
    WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'composite type' ELSE 'table' END,
  format('%I.%I', n.nspname, c.relname), jsonb_build_object(
  'kind', c.relkind, 'owner', pg_get_userbyid(c.relowner), 'persistence', c.relpersistence,
  'row_security', c.relrowsecurity, 'force_row_security', c.relforcerowsecurity,
  'replica_identity', c.relreplident, 'options', to_jsonb(c.reloptions),
  'tablespace', c.reltablespace, 'method', (SELECT amname FROM pg_am WHERE oid = c.relam),
  'partition_key', CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
  'partition_bound', pg_get_expr(c.relpartbound, c.oid),
  'parents', (SELECT jsonb_agg(i.inhparent::regclass::text ORDER BY i.inhseqno)
              FROM pg_inherits i WHERE i.inhrelid = c.oid),
  'definition', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
  'populated', CASE WHEN c.relkind = 'm' THEN c.relispopulated END,
  'of_type', CASE WHEN c.reloftype <> 0 THEN c.reloftype::regtype::text END,
  'foreign', (SELECT jsonb_build_object('server', s.srvname, 'options', f.ftoptions)
              FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver
              WHERE f.ftrelid = c.oid),
  'acl', {_acl("c.relacl", "r", "c.relowner")}, 'comment', obj_description(c.oid, 'pg_class'))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND {_user("pg_class", "c.oid")}
"""

# Some builds of version 15 keep an internal mark in attoptions that changes with each creation.
_COLUMNS = f"""
SELECT 'column', format('%I.%I.%I', n.nspname, c.relname, a.attname), jsonb_build_object(
  'rank', row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum),
  'type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
  'collation', CASE WHEN a.attcollation <> t.typcollation
                    THEN a.attcollation::regcollation::text END,
  'default', pg_get_expr(d.adbin, d.adrelid), 'identity', a.attidentity,
  'generated', a.attgenerated, 'storage', a.attstorage, 'compression', a.attcompression,
  'statistics', CASE WHEN coalesce((to_jsonb(a)->>'attstattarget')::int, -1) <> -1
                     THEN to_jsonb(a)->>'attstattarget' END,
  'options', (SELECT jsonb_agg(o ORDER BY o) FROM unnest(a.attoptions) o
              WHERE o NOT LIKE 'pg_attver=%'),
  'inherited', a.attinhcount, 'local', a.attislocal,
  'acl', CASE WHEN a.attacl IS NOT NULL AND a.attacl <> '{{}}'
              THEN {_acl("a.attacl", "c", "c.relowner")} END,
  'comment', col_description(c.oid, a.attnum))
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
  AND {_user("pg_class", "c.oid")}
"""

# contype 'n' (NOT NULL as a constraint) exists from version 18 on; a plain one says no more than
# the column's not_null.
_CONSTRAINTS = f"""
SELECT 'constraint', format('%I.%I.%I', n.nspname, c.relname, k.conname), jsonb_build_object(
  'kind', k.contype, 'definition', pg_get_constraintdef(k.oid), 'validated', k.convalidated,
  'enforced', coalesce((to_jsonb(k)->>'conenforced')::bool, true),
  'deferrable', k.condeferrable, 'deferred', k.condeferred, 'local', k.conislocal,
  'no_inherit', CASE WHEN k.contype = 'c' THEN k.connoinherit END,
  'index', CASE WHEN k.contype IN ('p', 'u', 'x') THEN k.conindid::regclass::text END,
  'comment', obj_description(k.oid, 'pg_constraint'))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype <> 't' AND {_user("pg_class", "c.oid")}
  AND (k.contype <> 'n' OR NOT k.convalidated OR k.connoinherit)
"""

_INDEXES = f"""
SELECT 'index', format('%I.%I', n.nspname, i.relname), jsonb_build_object(
  'definition', pg_get_indexdef(x.indexrelid), 'valid', x.indisvalid, 'ready', x.indisready,
  'live', x.indislive, 'clustered', x.indisclustered, 'replica_identity', x.indisreplident,
  'deferred', NOT x.indimmediate, 'owner', pg_get_userbyid(i.relowner),
  'statistics', (SELECT jsonb_agg(to_jsonb(a)->>'attstattarget' ORDER BY a.attnum)
    FROM pg_attribute a WHERE a.attrelid = i.oid
    AND coalesce((to_jsonb(a)->>'attstattarget')::int, -1) <> -1),
  'parent', (SELECT p.inhparent::regclass::text FROM pg_inherits p WHERE p.inhrelid = i.oid),
  'comment', obj_description(i.oid, 'pg_class'))
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
JOIN pg_namespace n ON n.oid = i.relnamespace WHERE {_user("pg_class", "c.oid")}
"""

_SEQUENCES = f"""
SELECT 'sequence', format('%I.%I', n.nspname, c.relname), jsonb_build_object(
  'type', s.seqtypid::regtype::text, 'start', s.seqstart, 'increment', s.seqincrement,
  'max', s.seqmax, 'min', s.seqmin, 'cache', s.seqcache, 'cycle', s.seqcycle,
  'owned_by', (SELECT format('%s.%I', d.refobjid::regclass, a.attname) FROM pg_depend d
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')),
  'owner', pg_get_userbyid(c.relowner), 'persistence', c.relpersistence,
  'acl', {_acl("c.relacl", "s", "c.relowner")}, 'comment', obj_description(c.oid, 'pg_class'))
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_user("pg_class", "c.oid")}
"""

_FUNCTIONS = f"""
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
  format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
  jsonb_build_object('owner', pg_get_userbyid(p.proowner),
  'definition', CASE WHEN p.prokind = 'a' THEN
    (SELECT to_jsonb(a) - 'aggfnoid' FROM pg_aggregate a WHERE a.aggfnoid = p.oid)::text
    ELSE pg_get_functiondef(p.oid) END,
  'acl', {_acl("p.proacl", "f", "p.proowner")}, 'comment', obj_description(p.oid, 'pg_proc'))
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_user("pg_proc", "p.oid")}
"""

_TRIGGERS = f"""
SELECT 'trigger', format('%I.%I.%I', n.nspname, c.relname, t.tgname), jsonb_build_object(
  'definition', pg_get_triggerdef(t.oid), 'enabled', t.tgenabled,
  'comment', obj_description(t.oid, 'pg_trigger'))
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND {_user("pg_class", "c.oid")}
UNION ALL
SELECT 'rule', format('%I.%I.%I', n.nspname, c.relname, r.rulename), jsonb_build_object(
  'definition', pg_get_ruledef(r.oid), 'enabled', r.ev_enabled,
  'comment', obj_description(r.oid, 'pg_rewrite'))
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN' AND {_user("pg_class", "c.oid")}
UNION ALL
SELECT 'event trigger', e.evtname, jsonb_build_object(
  'event', e.evtevent, 'function', e.evtfoid::regprocedure::text, 'enabled', e.evtenabled,
  'tags', to_jsonb(e.evttags), 'owner', pg_get_userbyid(e.evtowner),
  'comment', obj_description(e.oid, 'pg_event_trigger'))
FROM pg_event_trigger e
"""

_POLICIES = f"""
SELECT 'policy', format('%I.%I.%I', n.nspname, c.relname, p.polname), jsonb_build_object(
  'command', p.polcmd, 'permissive', p.polpermissive,
  'roles', (SELECT jsonb_agg(g ORDER BY g) FROM (SELECT
    CASE WHEN r = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r) END AS g FROM unnest(p.polroles) r) s),
  'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid),
  'comment', obj_description(p.oid, 'pg_policy'))
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_user("pg_class", "c.oid")}
"""

# Row types, arrays and multiranges follow from what they belong to.
_TYPES = f"""
SELECT CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range'
    ELSE 'type' END, format('%I.%I', n.nspname, t.typname), jsonb_build_object(
  'owner', pg_get_userbyid(t.typowner),
  'labels', (SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e
             WHERE e.enumtypid = t.oid),
  'base', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
  'not_null', t.typnotnull, 'default', t.typdefault,
  'constraints', (SELECT jsonb_object_agg(k.conname,
      pg_get_constraintdef(k.oid) || ' ' || k.convalidated)
    FROM pg_constraint k WHERE k.contypid = t.oid),
  'subtype', (SELECT format_type(r.rngsubtype, NULL) FROM pg_range r WHERE r.rngtypid = t.oid),
  'acl', {_acl("t.typacl", "T", "t.typowner")}, 'comment', obj_description(t.oid, 'pg_type'))
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype IN ('e', 'd', 'r', 'b') AND t.typelem = 0 AND {_user("pg_type", "t.oid")}
"""

_OTHERS = f"""
SELECT 'statistics', format('%I.%I', n.nspname, s.stxname), jsonb_build_object(
  'definition', pg_get_statisticsobjdef(s.oid), 'owner', pg_get_userbyid(s.stxowner),
  'comment', obj_description(s.oid, 'pg_statistic_ext'))
FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
WHERE {_user("pg_statistic_ext", "s.oid")}
UNION ALL
SELECT 'collation', format('%I.%I', n.nspname, c.collname),
  to_jsonb(c) - 'oid' - 'collnamespace' - 'collowner' - 'collversion'
FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
WHERE {_user("pg_collation", "c.oid")}
UNION ALL
SELECT 'operator', o.oid::regoperator::text, jsonb_build_object(
  'function', o.oprcode::text, 'commutator', o.oprcom::regoper::text,
  'owner', pg_get_userbyid(o.oprowner))
FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
WHERE {_user("pg_operator", "o.oid")}
UNION ALL
SELECT 'operator class', format('%I.%I %s', n.nspname, o.opcname, m.amname), jsonb_build_object(
  'type', o.opcintype::regtype::text, 'default', o.opcdefault)
FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace JOIN pg_am m ON m.oid = o.opcmethod
WHERE {_user("pg_opclass", "o.oid")}
UNION ALL
SELECT 'text search configuration', format('%I.%I', n.nspname, c.cfgname), jsonb_build_object(
  'parser', (SELECT prsname FROM pg_ts_parser WHERE oid = c.cfgparser),
  'maps', (SELECT jsonb_agg(format('%s %s %s', m.maptokentype, m.mapseqno,
      m.mapdict::regdictionary) ORDER BY m.maptokentype, m.mapseqno)
    FROM pg_ts_config_map m WHERE m.mapcfg = c.oid))
FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace
WHERE {_user("pg_ts_config", "c.oid")}
UNION ALL
SELECT 'text search dictionary', format('%I.%I', n.nspname, d.dictname),
  jsonb_build_object('options', d.dictinitoption)
FROM pg_ts_dict d JOIN pg_namespace n ON n.oid = d.dictnamespace
WHERE {_user("pg_ts_dict", "d.oid")}
UNION ALL
SELECT 'publication', p.pubname, (to_jsonb(p) - 'oid' - 'pubowner') || jsonb_build_object(
  'owner', pg_get_userbyid(p.pubowner),
  'tables', (SELECT jsonb_agg(r.prrelid::regclass::text ORDER BY r.prrelid::regclass::text)
             FROM pg_publication_rel r WHERE r.prpubid = p.oid))
FROM pg_publication p
UNION ALL
SELECT 'default privileges', concat_ws(' ', pg_get_userbyid(d.defaclrole),
  NULLIF(d.defaclnamespace, 0)::regnamespace::text, d.defaclobjtype::text),
  jsonb_build_object('acl', {_acl("d.defaclacl", "r", "d.defaclrole")})
FROM pg_default_acl d
UNION ALL
SELECT 'foreign server', s.srvname, jsonb_build_object(
  'wrapper', (SELECT fdwname FROM pg_foreign_data_wrapper w WHERE w.oid = s.srvfdw),
  'options', to_jsonb(s.srvoptions), 'owner', pg_get_userbyid(s.srvowner))
FROM pg_foreign_server s
UNION ALL
SELECT 'cast', format('%s AS %s', c.castsource::regtype, c.casttarget::regtype),
  jsonb_build_object('function', CASE WHEN c.castfunc <> 0 THEN c.castfunc::regprocedure::text END,
  'context', c.castcontext, 'method', c.castmethod)
FROM pg_cast c WHERE c.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend x
  WHERE x.classid = 'pg_cast'::regclass AND x.objid = c.oid AND x.deptype = 'e')
"""

QUERIES = (
    _SCHEMAS, _EXTENSIONS, _RELATIONS, _COLUMNS, _CONSTRAINTS, _INDEXES, _SEQUENCES, _FUNCTIONS,
    _TRIGGERS, _POLICIES, _TYPES, _OTHERS,
)  # fmt: skip
