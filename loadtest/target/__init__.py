"""The service under test: started, asked what it serves, and read while it is loaded."""
