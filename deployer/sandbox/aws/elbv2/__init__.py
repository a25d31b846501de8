"""Elastic Load Balancing v2: strict rules over moto's state, and the plan of what runs."""
