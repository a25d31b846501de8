"""What sends clients to the live deploy: rules, the port, the kinds. The edges are in `aws`."""
