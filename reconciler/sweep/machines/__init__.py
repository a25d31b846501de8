"""Brings rooted deploys to their desired state: orders to machines and databases, then labels."""
