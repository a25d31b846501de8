"""The protocols that the use cases need; the edges implement them."""
