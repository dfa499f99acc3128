"""Input data of jobs: what a request names becomes folders, files and FIFOs of a container."""
