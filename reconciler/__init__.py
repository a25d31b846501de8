"""The ground floor: values, ledger, kinds, and the edges to AWS, SSH and the database."""
