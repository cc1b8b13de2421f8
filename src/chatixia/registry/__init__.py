"""The control plane: trust, work, live sockets and the web door; it never sees what agents say."""
