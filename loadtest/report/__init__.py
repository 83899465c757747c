"""Figures to words, charts and files."""
