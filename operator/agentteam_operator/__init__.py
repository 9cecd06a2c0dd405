"""Kubernetes operator for teams of AI agents."""
