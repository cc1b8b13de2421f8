"""The control plane: trust, tasks, live sockets and HTTP; it sees nothing of a link's payload."""
