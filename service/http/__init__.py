"""HTTP/1.1 on a socket: the protocol, the pipeline of each connection, and the turn that answers them."""
