"""Twenty public tables, as their authors left them, from the file to the answer."""
