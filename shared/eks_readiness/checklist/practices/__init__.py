"""Practices that the level criteria name."""
