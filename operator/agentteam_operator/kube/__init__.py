"""Access to the API server in plain JSON: requests, typed errors, list and watch. It decides nothing."""
