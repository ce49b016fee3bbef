"""The version of the data base's format: how many migrations `core.store.migrations` holds."""

VERSION = 6
