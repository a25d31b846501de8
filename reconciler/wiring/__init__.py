"""The composition root: connects the edges for a configuration."""
