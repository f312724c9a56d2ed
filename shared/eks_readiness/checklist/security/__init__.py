"""Security: what keeps workloads from each other, from the nodes and from the control plane."""
