"""Processes of a machine: started, grouped, as whom, and what they print."""
