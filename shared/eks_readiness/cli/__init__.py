"""The command line, `eks-readiness`.

Exit codes: 0 ok · 1 below the required level · 2 usage or input · 3 an unknown blocks a verdict · 4 internal.
"""

from __future__ import annotations

from eks_readiness.cli.main import main

__all__ = ["main"]
