"""The process that answers InvokeEndpoint*: authenticates, picks a replica, passes bytes on."""
