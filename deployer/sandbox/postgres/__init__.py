"""A real PostgreSQL for the sandbox."""
