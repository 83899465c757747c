"""Everything that runs in production: this folder alone is packed into the Bento."""
