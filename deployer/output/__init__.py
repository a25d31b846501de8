"""How a release is displayed while it runs, and the output of the read-only commands."""
