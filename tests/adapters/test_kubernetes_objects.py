"""Amounts as Kubernetes writes them."""

from __future__ import annotations

import pytest

from eks_readiness.adapters.kubernetes_objects import quantities


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("100m", 0.1),
        ("1", 1.0),
        (" 2 ", 2.0),
        ("64Mi", 64 * 1024.0**2),
        ("1.5Gi", 1.5 * 1024.0**3),
        ("1e3", 1000.0),
        ("12E", 12e18),
        ("0.000000000000000000000000000001", 1e-30),
        (3, 3.0),
        (0.5, 0.5),
    ],
)
def test_amounts(written: str | float, amount: float) -> None:
    """In cores, bytes, or as a count."""
    assert quantities({"cpu": written}) == {"cpu": pytest.approx(amount)}


@pytest.mark.parametrize("written", ["", "many", "1 Gi", "1e999", "9" * 400, "1GiB", float("inf"), float("nan")])
def test_what_is_no_amount(written: str | float) -> None:
    """What has no end cannot be written down: it is none."""
    assert quantities({"cpu": written, "memory": "1Gi"}) == {"memory": 1024.0**3}
