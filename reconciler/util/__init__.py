"""Process helpers without knowledge of the product: signals, log, durations, waiting, text."""
