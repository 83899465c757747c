"""Runs trials, one after the other, and judges whether each can be believed."""
