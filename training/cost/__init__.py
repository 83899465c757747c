"""What training takes: seconds on the wall and of processors, threads, memory."""
