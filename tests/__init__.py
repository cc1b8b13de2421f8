"""The tests: src mirrored, and acceptance, golden files, faults, bench and the lab beside it."""
