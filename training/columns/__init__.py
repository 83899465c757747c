"""The columns of a table: what each is and becomes, decided from the training rows; what is left out or warned of."""
