"""The local Kubernetes that demos and tests run on: real parts, built from pinned Go modules.

Run it as ``python3 -m tests.cluster <command>`` from the repository's root, or as ``python3 tests/cluster
<command>`` from anywhere. It needs the standard library only, so it runs before any virtual environment exists.
"""
