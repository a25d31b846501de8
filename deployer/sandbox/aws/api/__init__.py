"""The common syntax of the EC2 API: ids, filters, pages, errors."""
