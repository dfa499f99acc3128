"""Jupyter events of the studio."""
