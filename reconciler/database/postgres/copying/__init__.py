"""What a copy needs of the source: what prevents it, its definitions, what is lent to the load."""
