"""Warm pools: a container made ready ahead, in which the next job of the same shape starts."""
