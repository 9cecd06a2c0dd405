"""One pure builder for each kind of child object."""
