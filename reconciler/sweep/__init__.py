"""The sweep: reads the world, plans, carries the plan out, looks again."""
