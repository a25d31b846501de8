"""The steps of `up`, one module each, in the order of `deployer.release.up.STEPS`.

A step is a function of the run. It reads the results of the steps before it and returns a one-line
summary. No step has its own undo: the sweep cleans up after a failed release.
"""
