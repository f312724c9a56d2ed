"""Decodes and folds pages of pods that are in files, so many times: fold.py PATH TIMES FILE….

Its instructions can be counted: what two numbers of times differ by is the work itself, without the start.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = sys.argv[1].split(":")

from eks_readiness.adapters.kubernetes_api import _decoded, _list_of
from eks_readiness.adapters.kubernetes_pods import PodFold, _Pod

pages = [Path(each).read_bytes() for each in sys.argv[3:]]
decoder = _list_of(_Pod)
for _ in range(int(sys.argv[2])):
    fold = PodFold()
    for page in pages:
        for pod in _decoded(decoder, page, "pods").items:
            fold.add(pod)
