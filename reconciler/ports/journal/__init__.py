"""The journal's store as a port, and how it is written and read."""
