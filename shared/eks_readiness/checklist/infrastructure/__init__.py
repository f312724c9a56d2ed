"""Infrastructure: network, nodes, cluster, add-ons, storage."""
