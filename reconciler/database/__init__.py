"""A database as a kind: list, shut, thaw, copy, drop (DESIGN §6, §7); PostgreSQL first."""
