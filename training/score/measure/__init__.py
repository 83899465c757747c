"""What the rows that are scored are like: their columns beside training's, and predictions beside what came true."""
