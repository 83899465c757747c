"""The service beside other ways to serve the same network. Run: make bench-serving."""
