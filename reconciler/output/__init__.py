"""How plans, sweeps and audits look: text, HTML, JSON; `notifications` sends them."""
