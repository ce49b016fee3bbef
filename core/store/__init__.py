"""The workspace's database: schema, rows as dataclasses, and the state changes of jobs as plain SQL."""
