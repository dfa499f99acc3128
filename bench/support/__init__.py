"""What the benchmarks share: a studio of their own, requests to it, and figures."""
