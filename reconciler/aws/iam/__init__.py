"""Least-privilege IAM policies for what the product asks of AWS."""
