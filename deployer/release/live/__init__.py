"""What a release reads from the live machine and changes on it."""
