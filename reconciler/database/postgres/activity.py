"""PostgreSQL queries about sessions, replication slots, and what the admin may do."""

from __future__ import annotations

UNREPORTED = """
SELECT EXISTS (
  SELECT FROM pg_stat_activity
  WHERE datname = current_database() AND backend_type = 'client backend'
    AND pid <> pg_backend_pid() AND backend_start < %(shut)s
    AND (state IS DISTINCT FROM 'idle'
         OR state_change > clock_timestamp() - %(late)s * interval '1 second')
)
"""
"""Whether a session from before `shut` may have writes that it has not reported yet."""

STILL_BUSY = """
SELECT EXISTS (
  SELECT FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND state <> 'idle' AND state_change < %(shut)s
)
"""
"""Whether a statement or transaction from before `shut` still runs: it reports after its end."""

SLOTS = """
SELECT slot_name FROM pg_replication_slots WHERE database = %s AND NOT active ORDER BY 1
"""
"""DROP DATABASE refuses if a slot is active, and drops the inactive ones without a message."""

POWERLESS = """
SELECT may FROM pg_roles app, unnest(%s::text[]) may
WHERE app.rolname = %s AND NOT pg_has_role(app.oid, may)
"""
"""Which of these the session's role lacks of another: who makes a role may only administer it."""

UNCREATABLE = """
SELECT e.extname FROM pg_extension e
JOIN pg_available_extension_versions v ON v.name = e.extname AND v.version = e.extversion
WHERE v.superuser AND NOT v.trusted AND NOT EXISTS (
  SELECT FROM pg_roles app JOIN pg_roles may ON pg_has_role(app.oid, may.oid, 'MEMBER')
  WHERE app.rolname = %s AND (may.rolsuper OR may.rolname IN (
    'rds_superuser', 'rds_extension', 'cloudsqlsuperuser', 'alloydbsuperuser', 'azure_pg_admin')))
OR e.oid >= 16384 AND current_setting('rds.allowed_extensions', true) NOT IN ('', '*')
  AND e.extname <> ALL(
    regexp_split_to_array(current_setting('rds.allowed_extensions', true), '[ ,]+'))
ORDER BY 1
"""
"""Extensions that this role cannot create in a copy: clouds let the members of theirs do it.

RDS can restrict them afterwards: who has one keeps it, and nobody creates it any more.
"""
