"""The inference server: a small HTTP/1.1 server in front of a model handler."""
