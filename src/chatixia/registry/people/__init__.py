"""People of the hub: who they are, how they log in, their browsers (trust.md section 4)."""
