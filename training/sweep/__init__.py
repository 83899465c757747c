"""Sweep over sizes of network and data: points of a grid, the laws in them, and the choice that follows."""
