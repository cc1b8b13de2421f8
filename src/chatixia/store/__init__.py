"""What survives a crash: ``control`` for the registry, ``local`` for one agent."""
