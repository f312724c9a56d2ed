"""The product end to end, on a local AWS."""

from __future__ import annotations

import pytest

from tests.e2e.story import tell


@pytest.mark.e2e
@pytest.mark.timeout(420)
def test_story() -> None:
    """Deploy, register, regress, look, improve, reject, tear down."""
    lines: list[str] = []
    tell(lines.append)
    assert lines[-1] == "Everything was observed."
