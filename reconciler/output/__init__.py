"""The formats of plans, sweeps and audits: text, HTML, JSON; `notifications` sends them."""
