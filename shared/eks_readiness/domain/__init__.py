"""The product's values: clusters, evidence, findings, items, levels. Pure: no I/O, no clock, no SDK."""
