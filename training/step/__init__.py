"""The training step, with little in it but arithmetic: features, loss and gradient, update, in buffers made once."""
