"""Route 53: zones, change batches, names and values."""
