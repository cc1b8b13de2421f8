"""People and the audit log, as the owner reads and changes them."""
