"""Engines: loading a voice, and synthesizing audio from phoneme ids."""
