"""Bytes to checked arrays and back; every refusal names its rule, row and column."""
