"""The registry as a peer sees it: the login, its verbs, and why it did not answer."""
