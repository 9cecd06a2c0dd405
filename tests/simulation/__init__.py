"""A simulated cluster under the operator's real code, and an explorer that disturbs it at every API call.

The simulation stands in for the API server at its HTTP interface: everything from `KubeClient.request` inwards (the
observer, its cache, `decide`, the builders, the writer) is the product's own. Beyond it there is a small model of what
Kubernetes' controllers do with the objects: as much of it as a rollout observes. Time is simulated, nothing sleeps.

    python -m tests.simulation --list          every scenario, how it ends, and the number of its plans
    python -m tests.simulation --plan ID       one plan with a readable trace
    python -m tests.simulation --scenario NAME all single faults of one scenario; --pairs N adds pairs of crashes
"""
