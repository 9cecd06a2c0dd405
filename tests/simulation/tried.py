"""Which scenario tries each rule of the transition table: none is without one.

A new rule gets a line here, with a scenario of its own if no other comes to use it; `python -m tests.simulation ways`
prints this table anew. A rule that no scenario can come to use is in `UNREACHED`, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.simulation.coverage import Way

TRIED: Mapping[str, str] = {
    "- --intent.new_target--> Validating": "create",
    "Validating --intent.superseded--> Validating": "created-again-and-changed",
    "Validating --intent.invalid--> Failed": "create-name-conflict",
    "Validating --intent.valid--> Preparing": "create",
    "Preparing --intent.superseded--> RollingBack": "create-superseded-in-Preparing",
    "Preparing --intent.aborted--> RollingBack": "create-aborted-in-Preparing",
    "Preparing --pods.refused--> RollingBack": "upgrade-Deployment-invalid",
    "Preparing --pods.broken--> RollingBack": "create-image-not-found",
    "Preparing --pods.ready_and_known--> Switching": "upgrade-back-to-a-retained-revision",
    "Preparing --checks.to_be_tested--> Testing": "upgrade-tested",
    "Preparing --pods.ready--> HealthChecking": "create",
    "Preparing --pods.not_ready_in_time--> RollingBack": "create-never-ready",
    "Testing --intent.superseded--> RollingBack": "upgrade-superseded-in-Testing",
    "Testing --intent.aborted--> RollingBack": "upgrade-aborted-in-Testing",
    "Testing --pods.refused--> RollingBack": "upgrade-tests-invalid",
    "Testing --pods.broken--> RollingBack": "upgrade-broken-in-Testing",
    "Testing --checks.tests_passed--> HealthChecking": "upgrade-tested",
    "Testing --checks.failed--> RollingBack": "upgrade-conversations-fail",
    "Testing --judgement.settings_unread--> AwaitingPromotion": "upgrade-unreadable-settings-in-Testing",
    "Testing --checks.late--> RollingBack": "upgrade-hook-never-ends",
    "Testing --checks.asked_others--> Testing": "upgrade-pod-replaced-while-tested",
    "Testing --checks.undecided_pause--> AwaitingPromotion": "upgrade-both-fail-promoted",
    "Testing --checks.undecided_rollback--> RollingBack": "upgrade-both-fail-rolled-back",
    "Testing --checks.undecided_promote--> HealthChecking": "upgrade-both-fail-promoted-by-setting",
    "HealthChecking --intent.superseded--> RollingBack": "create-superseded-in-HealthChecking",
    "HealthChecking --intent.aborted--> RollingBack": "create-aborted-in-HealthChecking",
    "HealthChecking --pods.refused--> RollingBack": "upgrade-Job-invalid",
    "HealthChecking --pods.broken--> RollingBack": "upgrade-broken-in-HealthChecking",
    "HealthChecking --checks.healthy_and_held--> AwaitingPromotion": "upgrade-by-hand",
    "HealthChecking --checks.healthy_and_immediate--> Switching": "create",
    "HealthChecking --checks.healthy--> Shifting": "created-again-in-mid-rollout",
    "HealthChecking --checks.asked_others--> HealthChecking": "upgrade-pod-replaced-while-probed",
    "HealthChecking --checks.failed--> RollingBack": "upgrade-unhealthy",
    "HealthChecking --judgement.settings_unread--> AwaitingPromotion": "upgrade-unreadable-settings-in-HealthChecking",
    "HealthChecking --checks.late--> RollingBack": "upgrade-Job-refused",
    "Shifting --intent.superseded--> RollingBack": "upgrade-superseded-in-Shifting",
    "Shifting --intent.aborted--> RollingBack": "upgrade-aborted-in-Shifting",
    "Shifting --traffic.lost--> RollingBack": "upgrade-lost-in-Shifting",
    "Shifting --pods.broken--> RollingBack": "upgrade-broken-in-Shifting",
    "Shifting --judgement.worse--> RollingBack": "upgrade-errors",
    "Shifting --intent.paused--> AwaitingPromotion": "upgrade-paused-in-Shifting-and-promoted",
    "Shifting --judgement.last_step_held--> Watching": "created-again-in-mid-rollout",
    "Shifting --judgement.step_held--> Shifting": "created-again-in-mid-rollout",
    "Shifting --traffic.strays_stayed--> RollingBack": "upgrade-with-a-stray-pod",
    "Shifting --traffic.step_not_reached--> RollingBack": "upgrade-without-room-in-Shifting",
    "Shifting --judgement.settings_unread--> AwaitingPromotion": "upgrade-unreadable-settings-in-Shifting",
    "Shifting --judgement.undecided_pause--> AwaitingPromotion": "upgrade-quiet-promoted",
    "Shifting --judgement.undecided_rollback--> RollingBack": "upgrade-quiet-rollback-by-setting",
    "Shifting --judgement.undecided_promote--> Switching": "upgrade-quiet-promoted-by-setting",
    "Watching --intent.superseded--> RollingBack": "upgrade-superseded-in-Watching",
    "Watching --intent.aborted--> RollingBack": "upgrade-aborted-in-Watching",
    "Watching --traffic.lost--> RollingBack": "upgrade-lost-in-Watching",
    "Watching --pods.broken--> RollingBack": "upgrade-broken-in-Watching",
    "Watching --judgement.worse--> RollingBack": "upgrade-errors-single-replica",
    "Watching --intent.paused--> AwaitingPromotion": "upgrade-paused-in-Watching-and-promoted",
    "Watching --judgement.watched--> Switching": "upgrade-by-steps",
    "Watching --traffic.strays_stayed--> RollingBack": "upgrade-with-a-stray-pod-for-ever",
    "Watching --judgement.settings_unread--> AwaitingPromotion": "upgrade-unreadable-settings-in-Watching",
    "Watching --judgement.undecided_pause--> AwaitingPromotion": "upgrade-paused-and-broken",
    "Watching --judgement.undecided_rollback--> RollingBack": "upgrade-with-a-stray-pod-while-watching",
    "Watching --judgement.undecided_promote--> Switching": "upgrade-quiet-watch-promoted-by-setting",
    "AwaitingPromotion --intent.superseded--> RollingBack": "upgrade-paused-and-superseded",
    "AwaitingPromotion --intent.aborted--> RollingBack": "upgrade-both-fail-tested-again",
    "AwaitingPromotion --traffic.lost--> RollingBack": "upgrade-paused-and-lost",
    "AwaitingPromotion --pods.broken--> RollingBack": "upgrade-paused-and-broken",
    "AwaitingPromotion --judgement.worse--> RollingBack": "upgrade-errors-while-paused",
    "AwaitingPromotion --judgement.acquitted_while_serving--> Completed": "upgrade-quiet-immediate-promoted",
    "AwaitingPromotion --intent.promoted_untested--> HealthChecking": "upgrade-both-fail-promoted",
    "AwaitingPromotion --intent.promoted_by_steps--> Shifting": "upgrade-by-hand",
    "AwaitingPromotion --intent.promoted--> Switching": "upgrade-quiet-promoted",
    "AwaitingPromotion --intent.resumed_test--> Testing": "upgrade-both-fail-tested-again",
    "AwaitingPromotion --intent.resumed_shift--> Shifting": "upgrade-paused-in-Shifting-and-resumed",
    "AwaitingPromotion --intent.resumed_watch--> Watching": "upgrade-paused-in-Watching-and-resumed",
    "AwaitingPromotion --intent.resumed_settling--> Settling": "upgrade-quiet-immediate-looked-at-again",
    "AwaitingPromotion --judgement.acquitted_in_pause--> Switching": "upgrade-paused-until-people-come",
    "AwaitingPromotion --judgement.nobody_promoted--> RollingBack": "upgrade-quiet-nobody-promotes",
    "Switching --intent.superseded--> RollingBack": "create-superseded-in-Switching",
    "Switching --intent.aborted--> RollingBack": "create-aborted-in-Switching",
    "Switching --traffic.lost_while_serving--> RollingBack": "upgrade-lost-in-Switching",
    "Switching --pods.broken--> RollingBack": "upgrade-broken-in-Switching",
    "Switching --judgement.worse--> RollingBack": "upgrade-worse-in-Switching",
    "Switching --traffic.first_switched--> Completed": "create",
    "Switching --traffic.switched--> Settling": "upgrade-by-steps",
    "Switching --traffic.sized--> Switching": "create",
    "Switching --traffic.switch_not_verified--> RollingBack": "upgrade-without-room-in-Switching",
    "Settling --intent.superseded--> RollingBack": "upgrade-superseded-in-Settling",
    "Settling --intent.aborted--> RollingBack": "upgrade-aborted-in-Settling",
    "Settling --traffic.lost--> RollingBack": "upgrade-crash-after-switch",
    "Settling --pods.broken--> RollingBack": "upgrade-broken-in-Settling",
    "Settling --judgement.worse--> RollingBack": "upgrade-errors-immediate",
    "Settling --checks.failed--> RollingBack": "upgrade-hook-fails-after-switch",
    "Settling --judgement.settled--> Completed": "upgrade-by-steps",
    "Settling --checks.late--> RollingBack": "upgrade-hook-never-ends-after-switch",
    "Settling --judgement.undecided_pause--> AwaitingPromotion": "upgrade-quiet-immediate-promoted",
    "Settling --judgement.undecided_rollback--> RollingBack": "upgrade-quiet-settling-rollback-by-setting",
    "Settling --judgement.undecided_promote--> Completed": "upgrade-quiet-settling-promoted-by-setting",
    "Settling --pods.fewer_than_before--> RollingBack": "pod-lost-while-settling",
    "Settling --judgement.settled_in_the_end--> Completed": "upgrade-both-lose-pods-in-Settling",
    "RollingBack --traffic.superseded_at_creation--> RolledBack": "create-superseded-in-Preparing",
    "RollingBack --traffic.nothing_to_restore--> Failed": "create-never-ready",
    "RollingBack --traffic.restored--> RolledBack": "upgrade-errors",
    "RollingBack --traffic.never_left--> RolledBack": "superseded-beside-a-revision-that-died",
    "RollingBack --traffic.given_up_restoring--> RolledBack": "back-to-a-revision-that-died",
    "Completed --intent.new_target--> Validating": "created-again-in-mid-rollout",
    "RolledBack --intent.reverted--> Completed": "upgrade-reverted-in-Preparing",
    "RolledBack --intent.new_target--> Validating": "create-superseded-in-Preparing",
    "Failed --intent.reverted--> Completed": "refused-and-reverted",
    "Failed --intent.new_target--> Validating": "create-aborted-and-replaced",
    "Failed --intent.mended--> Validating": "created-again-beside-garbage-for-long",
    "Failed --checks.recovered_untested--> Testing": "create-tested-ready-too-late",
    "Failed --pods.recovered--> HealthChecking": "create-ready-too-late",
}

UNREACHED: Mapping[str, str] = {}
"""Rules that no scenario can come to use, and why."""


def ways_of(scenario: str) -> frozenset[str]:
    """What a scenario has to try."""
    return frozenset(way for way, name in TRIED.items() if name == scenario)


def missing(every: frozenset[Way]) -> list[str]:
    """Rules that nothing tries, and entries that are about no rule."""
    return sorted({str(way) for way in every} ^ {*TRIED, *UNREACHED})
