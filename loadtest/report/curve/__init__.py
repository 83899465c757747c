"""A sweep as a page: quality and cost against the size of the network and of the table, and the choice."""
