"""What must not be learnt from, or not without a word: row numbers, copies, leaks, odd levels."""
