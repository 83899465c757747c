"""What touches a socket: HTTP in and out, metrics, traces, the access log."""
