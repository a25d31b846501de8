"""A digest of everything that the copy's tables are made from, the same before and after a freeze.

Unlike `catalog.DIGEST`, which tells any rewritten row of a catalog, it is made of what the rows
say: a freeze rewrites many of them, by its REVOKEs. What the freeze revokes counts as granted.
"""

from __future__ import annotations

import hashlib

from psycopg import Connection

from reconciler.database.postgres import catalog, copy_settings

_OWN = (
    *("pg_cast", "pg_operator", "pg_opclass", "pg_opfamily", "pg_collation", "pg_conversion"),
    *("pg_ts_config", "pg_ts_dict", "pg_event_trigger", "pg_foreign_server", "pg_extension"),
    *("pg_foreign_data_wrapper", "pg_statistic_ext", "pg_language", "pg_am", "pg_transform"),
)
"""Catalogs whose rows of the database's own are compared as they are."""

_ROWS = " UNION ALL SELECT '{0}', to_jsonb(x) FROM {0} x WHERE oid >= 16384"

_DEFINITIONS = catalog.over_relations(
    """, kinds AS (
  SELECT c.oid FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
  WHERE c.relpersistence <> 't'
), parts (of, what) AS (
  SELECT 'class', to_jsonb(x) - ARRAY['relacl', 'relfilenode', 'relpages', 'reltuples',
      'relallvisible', 'relallfrozen', 'relfrozenxid', 'relminmxid', 'relhasindex', 'relhasrules',
      'relhastriggers', 'relhassubclass', 'reltoastrelid', 'relispopulated', 'relrewrite']
    FROM pg_class x WHERE oid IN (TABLE kinds)
  UNION ALL SELECT 'attribute', to_jsonb(x) - ARRAY['attacl', 'atthasmissing', 'attmissingval']
    FROM pg_attribute x WHERE attrelid IN (TABLE kinds)
  UNION ALL SELECT 'default', to_jsonb(x) FROM pg_attrdef x WHERE adrelid IN (TABLE kinds)
  UNION ALL SELECT 'index', to_jsonb(x) - 'indcheckxmin' FROM pg_index x
    WHERE indrelid IN (TABLE kinds)
  UNION ALL SELECT 'inherits', to_jsonb(x) FROM pg_inherits x WHERE inhrelid IN (TABLE kinds)
  UNION ALL SELECT 'trigger', to_jsonb(x) FROM pg_trigger x WHERE tgrelid IN (TABLE kinds)
  UNION ALL SELECT 'rule', to_jsonb(x) FROM pg_rewrite x WHERE ev_class IN (TABLE kinds)
  UNION ALL SELECT 'policy', to_jsonb(x) FROM pg_policy x WHERE polrelid IN (TABLE kinds)
  UNION ALL SELECT 'sequence', to_jsonb(x) FROM pg_sequence x WHERE seqrelid IN (TABLE kinds)
  UNION ALL SELECT 'constraint', to_jsonb(x) FROM pg_constraint x
    WHERE connamespace IN (SELECT oid FROM spaces)
  UNION ALL SELECT 'function', to_jsonb(x) FROM pg_proc x
    WHERE pronamespace IN (SELECT oid FROM spaces)
  UNION ALL SELECT 'type', to_jsonb(x) FROM pg_type x
    WHERE typnamespace IN (SELECT oid FROM spaces)
  UNION ALL SELECT 'enum', to_jsonb(x) FROM pg_enum x
  UNION ALL SELECT 'schema', to_jsonb(x) - 'nspacl' FROM pg_namespace x
    WHERE oid IN (SELECT oid FROM spaces)
  UNION ALL SELECT 'default acl', to_jsonb(x) FROM pg_default_acl x
  UNION ALL SELECT 'relation acl', to_jsonb(ROW(r.oid, acl))
    FROM pg_class r, aclexplode(coalesce(relacl,
      acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))) acl
    WHERE r.oid IN (TABLE kinds) AND relkind NOT IN ('i', 'I', 'c')
      AND acl.privilege_type <> ALL (CASE relkind WHEN 'S' THEN '{USAGE,UPDATE}'::text[]
      ELSE '{INSERT,UPDATE,DELETE,TRUNCATE}'::text[] END)
  UNION ALL SELECT 'column acl', to_jsonb(ROW(attrelid, attnum, acl))
    FROM pg_attribute, aclexplode(attacl) acl
    WHERE attrelid IN (TABLE kinds) AND acl.privilege_type NOT IN ('INSERT', 'UPDATE')
  UNION ALL SELECT 'schema acl', to_jsonb(ROW(s.oid, acl))
    FROM spaces s, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) acl
    WHERE acl.privilege_type <> 'CREATE'
  @ROWS@
), hashed AS (SELECT of || ' ' || md5(what::text) AS line FROM parts)
SELECT count(*)::text || ':' || md5(string_agg(line, E'\\n' ORDER BY line COLLATE "C")) FROM hashed
"""
).replace("@ROWS@", "".join(_ROWS.format(name) for name in _OWN))
"""Left out of pg_class: what vacuum, a rewrite or a freeze changes, and no dump contains."""


def definitions(connection: Connection) -> str:
    """The digest of the connection's database. Privileges to write are those of when it is open."""
    row = connection.execute(_DEFINITIONS.encode()).fetchone()
    grants = sorted(repr(grant) for grant in copy_settings.open_grants(connection))
    whole = "\n".join([str(row[0]) if row else "", *grants])
    return hashlib.sha256(whole.encode()).hexdigest()
