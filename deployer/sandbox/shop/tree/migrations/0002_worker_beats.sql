CREATE TABLE worker_beats (
    host text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX worker_beats_at ON worker_beats (at);
