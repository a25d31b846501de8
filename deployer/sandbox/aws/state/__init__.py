"""State that moto lacks, and its transitions over time."""
