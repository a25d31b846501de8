"""The queries of PostgreSQL's catalogs, and why they are written this way.

Superusers are in no list of privileges: no privilege binds them (that is why a superuser is
refused as an application role).
"""

from __future__ import annotations

_DATABASES = """
SELECT d.datname, pg_get_userbyid(d.datdba), {size}, c.description, d.oid::bigint
FROM pg_database d
LEFT JOIN pg_shdescription c
  ON c.objoid = d.oid AND c.classoid = 'pg_database'::regclass
WHERE NOT d.datistemplate
ORDER BY d.datname
"""

DATABASES = _DATABASES.format(
    size="CASE WHEN has_database_privilege(d.oid, 'CONNECT') THEN pg_database_size(d.oid) END"
)

COMMENTS = _DATABASES.format(size="NULL::bigint")
"""The same without the sizes, which take the longest."""

ITSELF = """
SELECT oid::bigint, shobj_description(oid, 'pg_database') FROM pg_database
WHERE datname = current_database()
"""

OID = "SELECT oid::bigint FROM pg_database WHERE datname = %s"

EXISTS = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = %s)"

SIZE = "SELECT pg_database_size(oid) FROM pg_database WHERE datname = %s"

_SPACES = """
WITH spaces AS (
  SELECT oid, nspname, nspowner, nspacl FROM pg_namespace
  WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), relations AS (
  SELECT c.*, s.nspname FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
  WHERE c.relpersistence <> 't' AND c.relkind IN ('r', 'p', 'v', 'f', 'S')
)
"""


def over_relations(query: str) -> str:
    """The query with `spaces` and `relations`: all but the system's and temporary ones."""
    return _SPACES + query


_HELD = """, held AS (
  SELECT 'table' AS kind, ARRAY[nspname, relname]::text[] AS path, acl.*
  FROM relations, aclexplode(coalesce(relacl, acldefault('r', relowner))) acl
  WHERE relkind <> 'S' AND privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
  UNION ALL
  SELECT 'sequence', ARRAY[nspname, relname]::text[], acl.*
  FROM relations, aclexplode(coalesce(relacl, acldefault('s', relowner))) acl
  WHERE relkind = 'S' AND privilege_type IN ('USAGE', 'UPDATE')
  UNION ALL
  SELECT 'column', ARRAY[nspname, relname, attname]::text[], acl.*
  FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid, aclexplode(a.attacl) acl
  WHERE NOT a.attisdropped AND privilege_type IN ('INSERT', 'UPDATE')
  UNION ALL
  SELECT 'schema', ARRAY[nspname]::text[], acl.*
  FROM spaces, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) acl
  WHERE privilege_type = 'CREATE'
  UNION ALL
  SELECT 'database', ARRAY[]::text[], acl.*
  FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) acl
  WHERE datname = current_database() AND privilege_type = 'CREATE'
)
"""

WRITERS = over_relations(
    _HELD
    + """SELECT DISTINCT kind, path, coalesce(r.rolname, ''), privilege_type, is_grantable
FROM held LEFT JOIN pg_roles r ON r.oid = held.grantee
WHERE NOT coalesce(r.rolsuper, false)
"""
)
"""Every privilege to write in the current database; a missing ACL means the default ACL.

Views are included: a view with an INSTEAD OF trigger, or owned by a superuser, writes by itself.
"""

SESSIONS = """
SELECT pid, coalesce(usename, ''), coalesce(nullif(application_name, ''), '?')
FROM pg_stat_activity
WHERE datid = (SELECT oid FROM pg_database WHERE datname = %s) AND usesysid IS NOT NULL
ORDER BY pid
"""
"""The sessions of a database. Those without a role are the server's own (autovacuum)."""

END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datid = (SELECT oid FROM pg_database WHERE datname = %s) AND usename = ANY(%s)
"""

CONTENT = """
SELECT EXISTS (SELECT FROM pg_class WHERE oid >= 16384)
    OR EXISTS (SELECT FROM pg_proc WHERE oid >= 16384)
    OR EXISTS (SELECT FROM pg_namespace WHERE oid >= 16384)
    OR EXISTS (SELECT FROM pg_extension WHERE oid >= 16384)
    OR EXISTS (SELECT FROM pg_type WHERE oid >= 16384)
    OR EXISTS (SELECT FROM pg_largeobject_metadata)
"""
"""Whether a database contains anything that initdb did not create."""
OTHERS = over_relations(
    _HELD
    + """
SELECT DISTINCT coalesce(w.rolname, ''), kind, path, privilege_type
FROM held LEFT JOIN pg_roles w ON held.grantee <> 0 AND pg_has_role(w.oid, held.grantee, 'MEMBER')
  AND w.rolcanlogin AND NOT w.rolsuper AND w.rolname !~ '^pg_'
  AND has_database_privilege(w.oid, current_database(), 'CONNECT')
LEFT JOIN pg_roles app ON app.rolname = %s
WHERE kind IN ('table', 'column') AND (held.grantee = 0 OR w.oid IS NOT NULL)
  AND NOT coalesce(pg_has_role(w.oid, app.oid, 'MEMBER'), false)
  AND coalesce(w.rolname, '') <> ALL(%s) AND coalesce(w.rolname, '') <> current_user
"""
)
"""Other roles that can log in and write tables: by a privilege, as owner, or by membership.

Without the application's role and its members, the role it logs in as, the admin, and superusers.
'' stands for PUBLIC. A privilege to create does not count as writing.
"""

MEMBERS = """
SELECT m.rolname FROM pg_roles m JOIN pg_roles app ON app.rolname = %s
WHERE pg_has_role(m.oid, app.oid, 'MEMBER')
"""

LARGE_OBJECTS = "SELECT count(*) FROM pg_largeobject_metadata"

LOCKABLE = over_relations(
    """SELECT ARRAY[nspname, relname]::text[] FROM relations WHERE relkind IN ('r', 'p')
"""
)

UNBOUND = """
SELECT DISTINCT ON (r.rolname) r.rolname, CASE
  WHEN r.rolsuper THEN 'is a superuser'
  WHEN s.rolsuper THEN 'can become the superuser ' || s.rolname
  ELSE 'is a member of pg_write_all_data' END
FROM pg_roles r JOIN pg_roles s ON pg_has_role(r.oid, s.oid, 'MEMBER')
WHERE r.rolname = ANY(%s) AND (s.rolsuper OR s.rolname = 'pg_write_all_data')
ORDER BY r.rolname, s.rolsuper DESC, s.rolname
"""
"""Roles that write whatever the ACLs say, by themselves or as member of another role."""

MISSING_ROLES = """
SELECT wanted FROM unnest(%s::text[]) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted)
"""

OBJECTS = over_relations(
    """
SELECT CASE relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, ARRAY[nspname, relname]::text[]
FROM relations
UNION ALL SELECT 'column', ARRAY[nspname, relname, attname]::text[]
FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid
WHERE a.attnum > 0 AND NOT a.attisdropped AND relkind <> 'S'
UNION ALL SELECT 'schema', ARRAY[nspname]::text[] FROM spaces
"""
)

WRITING_SESSIONS = """
SELECT DISTINCT a.pid, coalesce(a.usename, '?'), coalesce(nullif(a.application_name, ''), '?'),
       coalesce(extract(epoch FROM clock_timestamp() - a.xact_start)::int, 0)
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.granted AND l.locktype = 'relation' AND l.mode LIKE '%%Exclusive%%'
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.relation >= 16384 AND a.pid <> pg_backend_pid()
ORDER BY 4 DESC
"""

TABLES = over_relations(
    """SELECT nspname, relname FROM relations WHERE relkind = 'r' ORDER BY 1, 2
"""
)

SEQUENCES = over_relations(
    """SELECT nspname, relname FROM relations WHERE relkind = 'S' ORDER BY 1, 2
"""
)

DIGEST = over_relations(
    """, kinds AS (
  SELECT c.oid FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
  WHERE c.relpersistence <> 't'
), versions AS (
  SELECT 'class' AS of, oid::text AS id, xmin FROM pg_class WHERE oid IN (TABLE kinds)
  UNION ALL SELECT 'attribute', attrelid || '.' || attnum, xmin FROM pg_attribute
    WHERE attrelid IN (TABLE kinds)
  UNION ALL SELECT 'default', oid::text, xmin FROM pg_attrdef WHERE adrelid IN (TABLE kinds)
  UNION ALL SELECT 'index', indexrelid::text, xmin FROM pg_index WHERE indrelid IN (TABLE kinds)
  UNION ALL SELECT 'inherits', inhrelid || '.' || inhparent, xmin FROM pg_inherits
    WHERE inhrelid IN (TABLE kinds)
  UNION ALL SELECT 'trigger', oid::text, xmin FROM pg_trigger WHERE tgrelid IN (TABLE kinds)
  UNION ALL SELECT 'rule', oid::text, xmin FROM pg_rewrite WHERE ev_class IN (TABLE kinds)
  UNION ALL SELECT 'policy', oid::text, xmin FROM pg_policy WHERE polrelid IN (TABLE kinds)
  UNION ALL SELECT 'sequence', seqrelid::text, xmin FROM pg_sequence
    WHERE seqrelid IN (TABLE kinds)
  UNION ALL SELECT 'constraint', oid::text, xmin FROM pg_constraint
    WHERE connamespace IN (SELECT oid FROM spaces)
  UNION ALL SELECT 'function', oid::text, xmin FROM pg_proc
    WHERE pronamespace IN (SELECT oid FROM spaces)
  UNION ALL SELECT 'type', oid::text, xmin FROM pg_type
    WHERE typnamespace IN (SELECT oid FROM spaces)
  UNION ALL SELECT 'enum', oid::text, xmin FROM pg_enum
  UNION ALL SELECT 'schema', n.oid::text, n.xmin FROM pg_namespace n
    WHERE n.oid IN (SELECT oid FROM spaces)
  UNION ALL SELECT 'extension', oid::text, xmin FROM pg_extension
  UNION ALL SELECT 'default acl', oid::text, xmin FROM pg_default_acl
  UNION ALL SELECT 'large object', oid::text, xmin FROM pg_largeobject_metadata
  UNION ALL SELECT 'database', oid::text, xmin FROM pg_database
    WHERE datname = current_database()
  UNION ALL SELECT 'unbound', r.rolname, NULL FROM pg_roles r
    WHERE EXISTS (SELECT FROM pg_roles s
      WHERE (s.rolsuper OR s.rolname = 'pg_write_all_data')
        AND pg_has_role(r.oid, s.oid, 'MEMBER'))
)
SELECT count(*)::text || ':' || md5(string_agg(of || ' ' || id || ' ' || coalesce(xmin::text, ''),
                                    E'\\n' ORDER BY of, id))
FROM versions
"""
)
"""The version of every catalog row: `xmin` is the transaction that wrote it.

So a GRANT that was revoked again shows as well, with the write that it permitted. VACUUM and
ANALYZE change rows in place and do not show; REINDEX, CLUSTER and TRUNCATE do, and so do REFRESH
MATERIALIZED VIEW, ALTER SEQUENCE … RESTART, and a new large object.
"""

EPOCH = """
SELECT concat_ws(' ', (SELECT stats_reset FROM pg_stat_bgwriter),
                 (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()))
"""
"""Changes if somebody reset the statistics, or a crash discarded them."""

COUNTERS = """
SELECT schemaname || '.' || relname, n_tup_ins + n_tup_upd + n_tup_del,
       coalesce(pg_relation_filenode(relid), 0)
FROM pg_stat_user_tables
UNION ALL
SELECT 'sequence ' || schemaname || '.' || sequencename, coalesce(last_value, 0), 0
FROM pg_sequences
"""

FREE_WRITERS = """
SELECT rolname FROM pg_roles
WHERE rolcanlogin AND NOT rolsuper AND pg_has_role(oid, 'pg_write_all_data', 'MEMBER')
  AND has_database_privilege(oid, current_database(), 'CONNECT')
  AND rolname <> ALL(%s) AND rolname <> current_user
"""
"""Roles that write every table without a privilege on it; superusers are not checked here."""

SUBSCRIPTIONS = """
SELECT subname FROM pg_subscription
WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

POLICIES = over_relations(
    """
SELECT nspname || '.' || relname FROM relations JOIN pg_roles app ON app.rolname = %s
WHERE relrowsecurity AND NOT relforcerowsecurity AND NOT app.rolbypassrls
  AND NOT pg_has_role(app.oid, relowner, 'USAGE')
"""
)
"""Tables whose policies bind the application, because another role owns them."""

OWNERS = over_relations(
    """
SELECT DISTINCT pg_get_userbyid(relowner) FROM relations JOIN pg_roles app ON app.rolname = %s
WHERE NOT pg_has_role(app.oid, relowner, 'USAGE')
"""
)
