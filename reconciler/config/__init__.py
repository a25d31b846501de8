"""The configuration: TOML files to checked values."""
