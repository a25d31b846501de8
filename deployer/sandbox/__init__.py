"""A private cloud on one machine: an AWS API on loopback and real small machines behind it."""
