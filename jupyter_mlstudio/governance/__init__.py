"""Who may do what, and how resources are labelled."""
