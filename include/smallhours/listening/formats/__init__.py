"""Readers of listening histories in files, one format a module."""
