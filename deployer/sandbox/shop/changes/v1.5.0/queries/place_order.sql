INSERT INTO orders (item, quantity, note) VALUES (%(item)s, %(quantity)s, %(note)s) RETURNING id
