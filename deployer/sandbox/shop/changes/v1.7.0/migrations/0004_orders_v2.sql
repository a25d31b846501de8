-- What v1.6.0 forgot.
CREATE VIEW orders_v2 AS SELECT *, quantity > 10 AS large FROM orders;
