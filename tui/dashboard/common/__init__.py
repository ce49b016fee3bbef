"""Widgets and dialogs that several tabs share."""
