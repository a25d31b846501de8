"""The HTTP layer in front of the API: log, faults, limits, errors."""
