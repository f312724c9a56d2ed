"""Observability: metrics, logs, traces, alerts, dashboards and objectives."""
