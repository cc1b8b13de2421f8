"""Every word that crosses a process, with its bounds. Pure: imports only ids, errors, msgspec."""
