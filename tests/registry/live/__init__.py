"""What is connected: sockets, directory, relay."""
