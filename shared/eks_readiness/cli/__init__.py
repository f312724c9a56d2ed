"""The command line, `eks-readiness`."""
