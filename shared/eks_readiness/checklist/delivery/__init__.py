"""Delivery: how infrastructure reaches the cluster."""
