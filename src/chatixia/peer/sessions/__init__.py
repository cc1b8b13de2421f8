"""Sessions: what is said to each peer, over whatever path there is."""
