"""The AWS adapter of the deployer: what a release creates, looks up and reads."""
