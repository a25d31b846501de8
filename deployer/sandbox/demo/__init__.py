"""The demo: a real service released, broken, cleaned up and rolled back on the private cloud.

It checks its claims from outside: clients read and write all the time, and leftovers are counted in
the cloud and in the database. It exits with 1 if any check failed.
"""
