"""Composition roots: settings and sessions in, use cases out."""
