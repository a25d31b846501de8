"""The load balancers of the sandbox: real listeners in front of its machines, on loopback.

`plan` says what to run (the AWS API makes it from its own state), `service` runs it: one thread
with an event loop. `routing` chooses rule, group and target; `http_relay` and `tcp_relay` carry
requests and connections; `health_checks` asks the targets.

What it leaves out: TLS, HTTP/2, WebSockets, stickiness, slow start, and connections to targets
that are kept open between requests.
"""
