"""PostgreSQL queries about sessions and replication slots."""

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
