"""What a study measured, as data alone."""
