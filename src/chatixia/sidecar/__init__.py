"""A peer behind a private socket, for a program in any language (docs/ipc.md)."""
