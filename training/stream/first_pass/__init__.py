"""All rows are read once: counted, and some of them kept, from which the columns are decided."""
