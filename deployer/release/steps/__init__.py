"""The steps of `up`, one module each, in the order of `deployer.release.up.STEPS`.

A step is a function of the run. It reads what the steps before it have found, and returns one line
that says what it did. No step has an undo of its own: a failed release is cleaned by the sweep.
"""
