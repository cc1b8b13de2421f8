"""Which machines may come in: members, invitations, tokens, keys (trust.md section 4)."""
