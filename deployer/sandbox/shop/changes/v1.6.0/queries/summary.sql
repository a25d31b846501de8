SELECT count(*), current_database() FROM orders_v2
