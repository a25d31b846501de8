"""What the journal tells, as text and as JSON."""
