"""The workspace's data base: schema, rows as dataclasses, and the state changes of jobs as plain SQL."""
