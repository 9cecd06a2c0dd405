"""The product's main job, live: ``make demo``.

A team of agents goes from ``kubectl apply`` to a better version, and back from a bad one, on a real Kubernetes under a
steady load. What is claimed is measured: the exit code says whether it happened.
"""
