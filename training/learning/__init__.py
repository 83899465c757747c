"""What networks and baselines learn from: rows in memory, or rows of files that are read in every epoch."""
