"""From a file to its values: looked at once, then read by pyarrow."""
