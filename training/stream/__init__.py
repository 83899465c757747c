"""Tables larger than the memory: counted, drawn from, scaled onto the disk, and read from there in every epoch."""
