"""YAML in objects of a cluster is text of unknown origin."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eks_readiness.adapters.bounded_yaml import MAX_CHARACTERS, bounded_yaml
from eks_readiness.domain.errors import UnexpectedAnswer


def test_everything_is_text() -> None:
    """An account id with a zero in front stays what it is, and a tag makes nothing."""
    assert bounded_yaml("- 012345678901\n- yes\n- !!python/object/apply:os.getcwd []\n", "x") == [
        "012345678901",
        "yes",
        [],
    ]
    assert bounded_yaml("", "x") is None


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x]\nb: *a\n",
        "[" * 50 + "]" * 50,
        "- [\n",
        "? [a]\n: b\n",
        "x" * (MAX_CHARACTERS + 1),
        "- x\n" * 400_000,
        "\x00",
    ],
    ids=["aliases", "deep", "broken", "list-as-key", "long", "many", "control-character"],
)
def test_hostile_text_is_refused(text: str) -> None:
    """It is refused in words, whatever is wrong with it."""
    with pytest.raises(UnexpectedAnswer, match="ConfigMap"):
        bounded_yaml(text, "ConfigMap")


@given(st.text(alphabet="-: []{}&*!?|>'\"#%@`,\n\tab01", max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing else is raised."""
    with contextlib.suppress(UnexpectedAnswer):
        bounded_yaml(text, "x")
