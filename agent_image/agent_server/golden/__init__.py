"""Golden conversations: had with the new revision's pods, and judged by what they expect."""
