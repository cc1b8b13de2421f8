"""Who may come in: logins, tokens, keys, invitations, revocations (trust.md section 4)."""
