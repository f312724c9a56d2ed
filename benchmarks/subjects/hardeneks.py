"""Runs hardeneks as its users do, with its report as JSON: hardeneks.py KUBECONFIG CLUSTER REGION REPORT."""

from __future__ import annotations

import os
import sys

kubeconfig, cluster, region, report = sys.argv[1:]
os.environ["KUBECONFIG"] = kubeconfig
sys.argv = ["hardeneks", "--context", cluster, "--cluster", cluster, "--region", region, "--export-json", report]

from hardeneks import app

app()
