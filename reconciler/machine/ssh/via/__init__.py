"""Routes that are not direct: through bastions, or through a proxy command.

SSH runs inside the route from end to end: whatever the route is, the machine's host key is pinned.
"""
