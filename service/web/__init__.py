"""ASGI and BentoML: the front before its application, its declared APIs, and what a worker runs."""
