"""What people, policies and the load do to a team besides applying specs."""

from __future__ import annotations

from dataclasses import replace

from agentteam_operator.core import names
from agentteam_operator.kube import resources

from tests.simulation.scenario import Deed
from tests.simulation.world import ENVIRONMENT, TEAM, World


def tamper(world: World) -> None:
    """Somebody points the active Service at the candidate alone, past all gates."""
    held = world.server.objects["Service", names.active_service(TEAM)]
    rollout = world.status.rollout
    selector = names.server_selector(TEAM, rollout.revision if rollout else None)
    world.note("somebody changes the active Service's selector")
    world.server.replace(resources.SERVICE, {**held, "spec": {**held["spec"], "selector": selector}})


def lose_status(world: World) -> None:
    """The team comes out of a backup: without its status."""
    held = world.team or {}
    world.note("the status is lost")
    world.people_meddle = True
    world.server.replace(resources.AGENT_TEAM, {key: value for key, value in held.items() if key != "status"})
    world.people_meddle = False


def remove_service(world: World) -> None:
    """Somebody deletes the active Service."""
    world.note("somebody deletes the active Service")
    world.server.remove(resources.SERVICE, names.active_service(TEAM))


def remove_blue(world: World) -> None:
    """Somebody deletes the serving Deployment."""
    world.note("somebody deletes the serving Deployment")
    world.people_meddle = True
    world.server.remove(resources.DEPLOYMENT, names.revision_object(TEAM, world.status.active_revision))
    world.people_meddle = False


def scale_blue(pods: int) -> Deed:
    """Somebody, or an autoscaler that somebody edited, scales the serving Deployment."""

    def do(world: World) -> None:
        held = world.deployment(world.status.active_revision)
        if held is not None:
            world.note(f"somebody scales the serving Deployment to {pods}")
            world.people_meddle = True
            world.server.set_replicas(held, pods)
            world.people_meddle = False

    return do


def stranger(world: World) -> None:
    """Somebody has a Service of the team's name."""
    metadata = {"name": names.active_service(TEAM), "labels": {"app": "somebody-elses"}}
    world.server.create(resources.SERVICE, {"metadata": metadata, "spec": {"selector": {"app": "theirs"}}})


def stray_pod(world: World) -> None:
    """Somebody runs a pod that the Service selects, with no label more than that takes."""
    world.note("somebody runs a pod that the Service selects")
    world.controllers.run_stray_pod("stray", names.server_selector(TEAM))


def refuse(kind: str) -> Deed:
    """A policy refuses the operator's writes of this kind from now on."""
    return lambda world: world.server.refused_kinds.add(kind)


def allow(kind: str) -> Deed:
    """The policy is gone."""
    return lambda world: world.server.refused_kinds.discard(kind)


def load(pods: int) -> Deed:
    """The load comes to need so many pods."""
    return lambda world: world.controllers.set_load(pods)


def operator_upgrade(world: World) -> None:
    """Another operator takes over, with another default image and builders of its own."""
    world.note("the operator is upgraded")
    for process in world.operators:
        process.environment = replace(ENVIRONMENT, default_image="agent:2", builder_version="0.2.0")
        if process.alive:
            process.die()
