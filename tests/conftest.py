"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import Phase, settings

# A deadline for each example would measure how busy the machine is; pytest-timeout bounds each test as a whole.
settings.register_profile("explore", deadline=None)
# The same examples in every run: the change breaks a test, not the day. HYPOTHESIS_PROFILE=explore looks further.
settings.register_profile("repeatable", parent=settings.get_profile("explore"), derandomize=True)
# For mutants, which are only to be noticed: the smallest example of how isn't looked for, and none is kept.
settings.register_profile(
    "mutants", parent=settings.get_profile("repeatable"), phases=[Phase.explicit, Phase.generate], database=None
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
