"""How a release looks while it runs, and what the reading commands print."""
