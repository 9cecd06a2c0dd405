"""From the team's spec to a running AutoGen team: the only package that imports AutoGen."""
