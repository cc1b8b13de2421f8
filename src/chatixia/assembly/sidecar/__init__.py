"""The sidecar's process, what it stands on, and the process that keeps it and its program alive."""
