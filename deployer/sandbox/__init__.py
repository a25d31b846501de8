"""A private cloud on one machine: an AWS API on loopback, backed by small real machines."""
