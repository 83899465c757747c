"""A table as its owner left it: looked at, read, its columns decided, its target encoded."""
