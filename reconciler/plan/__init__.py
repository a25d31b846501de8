"""What a sweep would do about it, as a value: the plan, its limits, its file. Pure."""
