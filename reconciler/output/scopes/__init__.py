"""What the commands of a divided sweep print."""
