"""The HTTP interface: one set of routes for each kind of client."""
