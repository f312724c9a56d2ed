"""Operations: how the cluster is kept current."""
