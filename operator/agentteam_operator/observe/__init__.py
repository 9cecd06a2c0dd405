"""I/O in: what the cluster and Prometheus say of a team, as one `Observed`. Nothing in here writes anything."""
