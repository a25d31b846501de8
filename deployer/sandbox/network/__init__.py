"""The sandbox's loopback range, name server and public addresses."""
