"""Inside Locust: users, arrivals, and the client that sends them."""
