INSERT INTO orders (item, quantity) VALUES (:item, :quantity) RETURNING id
