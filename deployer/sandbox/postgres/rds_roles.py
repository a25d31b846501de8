"""The roles of an RDS server, with exactly the memberships that its rds_superuser has.

As `pg_dumpall --roles-only` shows them on RDS for PostgreSQL 15 and 17. The first login of a server
has CREATEDB and CREATEROLE and is a member of rds_superuser; it is no superuser, owns nothing of
others, and does not bypass row security.
"""

from __future__ import annotations

SUPERUSER = "rds_superuser"
EXTENSION = "rds_extension"
"""Its members may create the extensions that the server allows (`rds.allowed_extensions`)."""

ROLES = (SUPERUSER, EXTENSION, "rds_password", "rds_replication")

_SINCE = {
    "pg_monitor": 10,
    "pg_signal_backend": 10,
    "pg_read_all_data": 14,
    "pg_write_all_data": 14,
    "pg_checkpoint": 15,
    "pg_create_subscription": 16,
    "pg_use_reserved_connections": 16,
    "pg_maintain": 17,
}


def creation(major: int) -> tuple[str, ...]:
    """The statements of a superuser that make the roles, on a server of this major version."""
    predefined = [role for role, since in _SINCE.items() if major >= since]
    granted = ", ".join([*predefined, "rds_password", "rds_replication"])
    roles = tuple(f"CREATE ROLE {role}" for role in ROLES)
    return (*roles, f"GRANT {granted} TO {SUPERUSER} WITH ADMIN OPTION")
