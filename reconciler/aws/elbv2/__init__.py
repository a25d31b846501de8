"""Load balancers: the traffic that follows the ledger through the action of a listener or rule."""
