"""Decodes pages of pods that are in memory into the product's own structs, and nothing else: decode.py BUNDLE FILE…."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, sys.argv[1])

from eks_readiness.adapters.kubernetes_api import _list_of
from eks_readiness.adapters.kubernetes_pods import _Pod

pages = [Path(each).read_bytes() for each in sys.argv[2:]]
decoder = _list_of(_Pod)
began, used = time.perf_counter(), time.process_time()
pods = sum(len(decoder.decode(page).items) for page in pages)
print(json.dumps({"cpu_s": time.process_time() - used, "wall_s": time.perf_counter() - began, "pods": pods}))
