"""A simulated cluster under the operator's real code, and an explorer that disturbs it at every API call.

The simulation stands in for the API server at its HTTP interface: everything from `KubeClient.request` inwards (the
observer, its cache, `decide`, the builders, the writer) is the product's own. Beyond it there is a small model of what
Kubernetes' controllers do with the objects: as much of it as a rollout observes. Time is simulated, nothing sleeps.

    python -m tests.simulation explore          every fault at every place of every scenario; see --help for less
    python -m tests.simulation replay PLAN      one plan as a story, such as upgrade-by-steps/r30:crash-after
    python -m tests.simulation list             every scenario, how it ends, and the number of its plans
    python -m tests.simulation ways             which scenario tries each rule of the transition table
"""
