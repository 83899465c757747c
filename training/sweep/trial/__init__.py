"""A trial: one point of a sweep, trained and measured in a fresh process, on this machine or on a cluster."""
