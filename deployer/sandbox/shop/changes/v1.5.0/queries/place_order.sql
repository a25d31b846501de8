INSERT INTO orders (item, quantity, note) VALUES (:item, :quantity, :note) RETURNING id
