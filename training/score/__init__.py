"""Files of rows answered with a release: of any length in bounded memory, one or several at a time."""
