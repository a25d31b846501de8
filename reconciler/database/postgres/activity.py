"""What we ask PostgreSQL of those who are connected, or were and will be again."""

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
"""Whether a session that was there at `shut` may have writes that it has not yet counted."""

STILL_BUSY = """
SELECT EXISTS (
  SELECT FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND state <> 'idle' AND state_change < %(shut)s
)
"""
"""Whether a statement or transaction of before `shut` goes on: its session reports after it."""

SLOTS = """
SELECT slot_name FROM pg_replication_slots WHERE database = %s AND NOT active ORDER BY 1
"""
"""DROP DATABASE refuses under an active one, and takes the others along without a word."""
