"""Planted faults: each breaks one promise, with which that promise's test must go red."""
