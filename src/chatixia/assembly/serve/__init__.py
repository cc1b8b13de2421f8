"""The registry's own process: its files, addresses and listeners."""
