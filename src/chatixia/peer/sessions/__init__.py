"""Sessions with peers: numbered messages over whatever path there is."""
