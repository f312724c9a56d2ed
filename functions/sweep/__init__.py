"""Sweeper."""
