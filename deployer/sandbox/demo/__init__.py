"""The demo: a real service released, broken, cleaned up and rolled back on the private cloud.

What it claims it checks, from outside: clients ask and write all the time, and what is left is
counted in the cloud and in the database. It exits with 1 if anything did not hold.
"""
