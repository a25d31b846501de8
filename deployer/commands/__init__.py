"""The commands beside `up`, one module or package each."""
