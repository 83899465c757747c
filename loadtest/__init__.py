"""Load the service with Locust and compare its architectures."""
