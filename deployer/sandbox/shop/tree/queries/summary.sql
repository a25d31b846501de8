SELECT count(*), current_database() FROM orders
