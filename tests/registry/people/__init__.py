"""Who the people of the hub are, and how they come in."""
