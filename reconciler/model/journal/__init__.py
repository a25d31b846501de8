"""The journal: what became of every operation. Never needed for correctness."""
