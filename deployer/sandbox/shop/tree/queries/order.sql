SELECT id, item, quantity FROM orders WHERE id = :id
