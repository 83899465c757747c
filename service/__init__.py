"""Everything that runs in production: this folder alone is packed into the Bento."""

__version__ = "0.6.0"
"""That of pyproject.toml, which is not in a Bento."""
