"""The sweep: reads the cloud, plans, executes the plan, and reads again."""
