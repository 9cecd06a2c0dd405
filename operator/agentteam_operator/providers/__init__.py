"""Clients of the systems around the cluster."""
