"""The client side of the sandbox's process: start, query, reset, end."""
