"""Faults: interleavings of the real use cases, faults on the wire, and input that nobody of ours wrote."""
