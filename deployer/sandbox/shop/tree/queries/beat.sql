INSERT INTO worker_beats (host) VALUES (:host)
