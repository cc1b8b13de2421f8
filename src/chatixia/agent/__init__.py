"""What an agent is made of: skills, the runtime that serves them, its manifest."""
