"""Dashboard widget."""
