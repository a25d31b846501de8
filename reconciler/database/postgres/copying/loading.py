"""Lends the copy's owner what loading needs, where live's owner has not even that.

Privileges are restored with the tables, before the rows: a table of which live's owner has revoked
INSERT or REFERENCES from itself could not be filled. Taken back when the copy is opened.
"""

from __future__ import annotations

from psycopg import Connection

from reconciler.database.grants import Grant, On
from reconciler.database.postgres import catalog, privileges

_LACKING = catalog.over_relations(
    """
SELECT 'table', ARRAY[nspname, relname]::text[], may
FROM relations, unnest('{SELECT,INSERT,REFERENCES,TRIGGER}'::text[]) may
WHERE relkind IN ('r', 'p') AND relowner = %(owner)s::regrole AND relacl IS NOT NULL
  AND NOT EXISTS (SELECT FROM aclexplode(relacl) a
    WHERE a.grantee = relowner AND a.privilege_type = may)
UNION ALL
SELECT 'schema', ARRAY[nspname]::text[], may FROM spaces, unnest('{USAGE,CREATE}'::text[]) may
WHERE nspowner = %(owner)s::regrole AND nspacl IS NOT NULL
  AND NOT EXISTS (SELECT FROM aclexplode(nspacl) a
    WHERE a.grantee = nspowner AND a.privilege_type = may)
"""
)


def lend(connection: Connection, owner: str) -> frozenset[Grant]:
    """Grant `owner` what filling its own tables takes; returns what it lacked."""
    quoted = '"' + owner.replace('"', '""') + '"'
    rows = connection.execute(_LACKING.encode(), {"owner": quoted}).fetchall()
    missing = frozenset(Grant(On(kind), tuple(path), owner, may) for kind, path, may in rows)
    privileges.grant(connection, missing)
    return missing
