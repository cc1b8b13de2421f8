"""What is connected now: sockets, directory, signaling relay, links, events."""
