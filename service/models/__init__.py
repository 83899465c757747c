"""A release opened and proven, its graphs in memory, and the endpoints that they answer."""
