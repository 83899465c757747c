"""What laws, fronts and the choice are made of: figures of points, a law fitted, a shortfall bounded and words."""
