"""The sandbox's machines: real processes, each in namespaces of its own."""
