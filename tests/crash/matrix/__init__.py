"""The crash matrix: every request that a command makes, times everything that may befall it."""
