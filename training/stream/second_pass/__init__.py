"""The training rows are read once more: coded and scaled, with the statistics of their products."""
