"""`make demo`: the story, told to a person. Exit code 0 only if all of it was observed."""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

from tests.doubles.local_aws import LocalAwsError
from tests.e2e.story import StoryError, tell

PAGES = Path(__file__).parents[2] / ".demo"


def main() -> int:
    """Tell the story with progress lines."""
    # The double answers errors that a service's model does not list, as real services do.
    warnings.filterwarnings("ignore", message=r"Exception\(_Refusal\)")
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {text}", flush=True)

    try:
        tell(say, pages=PAGES)
    except (StoryError, LocalAwsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\nThe same on AWS: make deploy, then eks-readiness clusters register <arn of your cluster>")
    return 0


if __name__ == "__main__":
    sys.exit(main())
