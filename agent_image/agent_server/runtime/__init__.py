"""Runs, their limits, connections and the end of the process: all that is neither HTTP surface nor AutoGen."""
