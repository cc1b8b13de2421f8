"""Links and calls with peers of the described contract, which prove no key (docs/compat.md)."""
