"""Ranks: processes that train one network together, started by ``torchrun``. Rank 0 alone writes."""
