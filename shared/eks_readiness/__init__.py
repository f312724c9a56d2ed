"""Readiness of Amazon EKS clusters for production: evidence, verdicts, levels."""
