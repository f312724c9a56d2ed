"""How survivors are matched with their explanations; what is explained in fact is proven by a run."""

from __future__ import annotations

import pytest

from tests.mutation.survivors import changed_lines, explained, outlived, unexplained

DIFF = """--- src/eks_readiness/checklist/shapes.py
+++ src/eks_readiness/checklist/shapes.py
@@ -1,3 +1,3 @@
 def every_address(cidrs):
-    networks = [ip_network(cidr, strict=False) for cidr in cidrs]
+    networks = [ip_network(cidr, strict=None) for cidr in cidrs]
     return networks"""
ENTRY = b"""
- function: checklist.shapes.every_address
  reason: None is as false as False.
  changes:
    - |
      - networks = [ip_network(cidr, strict=False) for cidr in cidrs]
      + networks = [ip_network(cidr, strict=None) for cidr in cidrs]
"""


def test_a_survivor_is_known_by_its_function_and_the_lines_that_it_changes() -> None:
    """Neither its number, nor its context, nor how deep it is indented matters."""
    key = ("checklist.shapes.every_address", changed_lines(DIFF))
    assert explained(ENTRY) == {key: "None is as false as False."}
    assert changed_lines(DIFF.replace("    networks", "networks")) == key[1]


def test_survivors_and_explanations_must_fit() -> None:
    """The same change of another function is another survivor; what is killed needs no explanation."""
    reasons = explained(ENTRY)
    (known,) = reasons
    other = ("checklist.shapes.starting", known[1])
    assert (unexplained([known, other], reasons), outlived([known, other], reasons)) == ([other], [])
    assert (unexplained([], reasons), outlived([other], reasons)) == ([], [known])


def test_a_change_is_explained_once() -> None:
    """Two reasons would be one too many."""
    with pytest.raises(ValueError, match=r"explained twice: a change of checklist\.shapes\.every_address"):
        explained(ENTRY + ENTRY)


def test_every_explanation_can_be_read() -> None:
    """Each is about code that is mutated, and says why."""
    for (function, change), reason in explained().items():
        assert function.startswith(("checklist.", "domain."))
        assert {line[0] for line in change.splitlines()} <= {"-", "+"}
        assert reason.endswith((".", "`"))
