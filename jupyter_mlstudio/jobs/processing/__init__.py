"""Processing jobs: a container that reads inputs and leaves outputs."""
