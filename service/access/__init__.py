"""Who may ask, and how often: keys from a file, a rate for each, and the answer to all others."""
