"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# A deadline for each example would measure how busy the machine is; pytest-timeout bounds each test as a whole.
settings.register_profile("without-deadlines", deadline=None)
settings.load_profile("without-deadlines")
