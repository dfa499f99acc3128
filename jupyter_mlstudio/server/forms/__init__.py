"""What forms in the browser are made from."""
