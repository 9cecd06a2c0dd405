"""One operator from the chart for all tests, one namespace for each; a failure comes with all that explains it."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from tests.e2e.harness import Cluster, diagnosis
from tests.e2e.install import install, installed


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--installed", action="store_true", help="take the operator as `python -m tests.e2e.install` left it"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the teams under load begin one after another: with all their pods starting at once, two cores are too few."""
    first = ("test_bad_versions.py", "test_deletion.py", "test_autoscaling.py")
    items.sort(key=lambda item: first.index(item.path.name) if item.path.name in first else len(first))


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Cluster:
    """The local cluster with the operator installed from the chart; it stays up."""
    if pytestconfig.getoption("--installed"):
        return installed()
    if "PYTEST_XDIST_WORKER" in os.environ:
        pytest.exit("two workers would install the operator at once: run `make e2e`, or without -n", returncode=4)
    return install()


@pytest.fixture(scope="module")
def namespace(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[str]:
    """A namespace for one module's tests."""
    words = re.sub(r"[^a-z0-9]+", "-", request.module.__name__.rpartition(".")[2].removeprefix("test_").lower())
    with cluster.namespace(f"e2e-{words[:40]}-{uuid.uuid4().hex[:5]}") as name:
        yield name


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the namespace's state and the operator's log to a failed test."""
    report = yield
    values: dict[str, Any] = getattr(item, "funcargs", {})
    if report.failed and "cluster" in values and "namespace" in values:
        report.sections.append(("cluster", diagnosis(values["cluster"].tools, values["namespace"])))
    return report
