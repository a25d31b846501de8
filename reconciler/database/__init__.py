"""Database engines: the port, what a database remembers, whose it is; `postgres` implements it."""
