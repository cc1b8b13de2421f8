"""The registry's store, on real files."""
