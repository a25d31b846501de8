"""Prices, estimates and the cost audit."""
