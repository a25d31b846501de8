"""What a lease says beside its holder."""
