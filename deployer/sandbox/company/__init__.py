"""The company that the sandbox plays: its configuration and its first day."""
