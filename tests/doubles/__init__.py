"""A fake account and fake clusters, from files: what the wires carry is real, what answers is ours."""
