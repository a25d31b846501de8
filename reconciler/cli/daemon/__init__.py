"""`reconciler run`: the loop of sweeps, its health, metrics and HTTP server."""
