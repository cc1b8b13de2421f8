"""Artifacts on links: who may pull what, and their bytes, both ways."""
