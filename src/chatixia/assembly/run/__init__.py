"""An agent's own process: its folder, its skills, its settings."""
