"""Results to figures: numbers alone, no words."""
