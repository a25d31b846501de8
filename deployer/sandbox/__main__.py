"""`python -m deployer.sandbox`: the sandbox's commands without the rest of the tool."""

from deployer.sandbox.cli import main

if __name__ == "__main__":
    main()
