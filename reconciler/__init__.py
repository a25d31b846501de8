"""The reconciler: finds what no ledger roots and removes it. The deployer builds on it."""
