"""The commands other than `up`, one module or package each."""
