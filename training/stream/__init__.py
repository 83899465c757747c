"""Tables larger than the memory: looked at once, their rows drawn or counted, and read again in every epoch."""
