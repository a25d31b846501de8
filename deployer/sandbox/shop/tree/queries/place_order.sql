INSERT INTO orders (item, quantity) VALUES (%(item)s, %(quantity)s) RETURNING id
