"""Lists and folds all pods as the deployed function does, from its bundle: list_pods.py BUNDLE URL CA_FILE."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, sys.argv[1])

from datetime import UTC, datetime
from types import MappingProxyType

from kubernetes.client.configuration import Configuration

from eks_readiness.adapters.deadline import Deadline
from eks_readiness.adapters.kubernetes_api import KubernetesApi
from eks_readiness.adapters.kubernetes_https import HttpsFetch
from eks_readiness.adapters.kubernetes_pods import PODS, read_pods
from eks_readiness.adapters.probe import Gathered
from eks_readiness.domain.cluster import ClusterRef

configuration = Configuration(host=sys.argv[2])
configuration.ca_cert_data = Path(sys.argv[3]).read_text(encoding="utf-8")
api = KubernetesApi(HttpsFetch(configuration, None, Deadline(240)))
assert api.serves(PODS) == "v1"  # discovery and the TLS handshake are not what is measured
cluster = ClusterRef.parse("arn:aws:eks:eu-west-1:111122223333:cluster/prod")
gathered = Gathered(cluster, datetime.now(UTC), MappingProxyType({}), ())
began, used = time.perf_counter(), time.process_time()
pods = read_pods(api, gathered)
print(
    json.dumps(
        {"cpu_s": time.process_time() - used, "wall_s": time.perf_counter() - began, "pods": sum(pods.live.values())}
    )
)
