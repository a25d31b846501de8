"""The plan of a sweep as a value, its limits and its file. Pure."""
