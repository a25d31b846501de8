"""What the strict layer knows of the cloud beside moto, and how it changes with time."""
