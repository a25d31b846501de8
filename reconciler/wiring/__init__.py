"""The composition root: puts the edges together for a configuration."""
