"""Clients: credentials, errors, retries, rate limits, parsing."""
