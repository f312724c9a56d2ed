"""Renderings of one scorecard."""
