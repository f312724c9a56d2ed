"""The CDK application: `python -m infra.app`, started by the `cdk` command. It calls no AWS."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from infra.config import DEFAULT_FILE, Config, ConfigError, read_config
from infra.lambda_code import BundleError, BundleName, Target, build_bundle
from infra.stack import ReadinessStack

EXIT_INPUT = 2
EXIT_BUILD = 4


def compose(app: App, config: Config, bundle: Callable[[BundleName], Path]) -> ReadinessStack:
    """Put a deployment into an application, with the rules that its synthesis is held to."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return ReadinessStack(app, config=config, bundle=bundle)


def main() -> int:
    """Synthesise the deployment that the configuration describes; a mistake in it is said in one line."""
    app = App()
    try:
        config = read_config(_config_file(app))
        target = Target(config.python, config.architecture)
        compose(app, config, lambda name: build_bundle(name, target, packages=config.checklist_packages))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_INPUT
    except BundleError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_BUILD
    app.synth()
    return 0


def _config_file(app: App) -> Path:
    """The file named by `-c config=FILE`, else by the environment, else the one in this directory."""
    return Path(app.node.try_get_context("config") or os.environ.get("EKS_READINESS_CONFIG") or DEFAULT_FILE)


if __name__ == "__main__":
    sys.exit(main())
