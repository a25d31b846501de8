"""`deployer leave`: the way out. What is live serves on, and is nobody's."""
