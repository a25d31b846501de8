"""What a release asks of the live machine, and does to it."""
