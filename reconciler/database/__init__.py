"""Database engines: the port, the state comment, ownership; `postgres` implements it."""
