"""One CSV file: its encoding, its lines, its header and its separator found by looking at it, and its rows."""
