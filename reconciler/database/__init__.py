"""A database as a kind: list, shut, thaw, copy, drop; PostgreSQL first."""
