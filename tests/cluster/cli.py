"""The commands of ``python3 -m tests.cluster``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from . import base_image, image_build, images, lifecycle, programs, status
from .errors import ClusterError
from .profiles import FULL, PROFILES, Profile, bin_dir

_CONTAINER_REFERENCE = "an image's name with its tag, like localhost/agentteam-agent:dev"


def main() -> int:
    """Run the command that the arguments name; the exit code."""
    arguments = _parser().parse_args()
    command: Callable[[argparse.Namespace], int | None] = arguments.command
    try:
        return command(arguments) or 0
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cluster: interrupted; the same command goes on from here, `down` removes all", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m tests.cluster", description="A real Kubernetes on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int | None], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=command)
        return added

    def add_for_profile(
        name: str, command: Callable[[argparse.Namespace], int | None], text: str
    ) -> argparse.ArgumentParser:
        added = add(name, command, text)
        added.add_argument("--profile", choices=PROFILES, default=FULL.name, help="which cluster (default: full)")
        return added

    add_for_profile("build", _build, "build the programs that the cluster needs")
    add_for_profile("up", _up, "have the cluster running")
    add_for_profile("down", _down, "stop the cluster and remove all of it but the cache")
    add_for_profile("status", _status, "each part, and where to look; fails unless all are well")
    logs = add_for_profile("logs", _logs, "print a part's log")
    logs.add_argument("part", help="as `status` names it, or `audit`")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as it grows")
    add_for_profile("kubeconfig", _kubeconfig, "print the path of the administrator's kubeconfig")
    add_for_profile("env", _env, 'print settings for a shell: eval "$(python3 -m tests.cluster env)"')
    add_for_profile("exec", _exec, "run a command with those settings").add_argument("words", nargs=argparse.REMAINDER)
    add_for_profile("restart-part", _restart_part, "stop a part and start it").add_argument("part")
    add_for_profile("kill-part", _kill_part, "kill a part and leave it dead").add_argument("part")
    add("base-image", _base_image, "have the base image built, and print its name")
    _add_build_image(add("build-image", _build_image, "build an image, and load it if the full cluster is up"))
    load = add("load-image", _load_image, "load images into the full cluster")
    load.add_argument("names", nargs="+", metavar="IMAGE", help=f"an archive's path, or {_CONTAINER_REFERENCE}")
    add("images", _images, "list the images in the full cluster")
    return parser


def _add_build_image(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--file", type=Path, required=True, help="the Dockerfile")
    parser.add_argument("--tag", required=True, help=_CONTAINER_REFERENCE)
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
    parser.add_argument("context", type=Path, help="the folder that the Dockerfile copies from")


def _profile(arguments: argparse.Namespace) -> Profile:
    return PROFILES[arguments.profile]


def _build(arguments: argparse.Namespace) -> None:
    programs.build([arguments.profile])


def _up(arguments: argparse.Namespace) -> None:
    lifecycle.up(_profile(arguments))


def _down(arguments: argparse.Namespace) -> None:
    lifecycle.down(_profile(arguments))


def _status(arguments: argparse.Namespace) -> int:
    return status.show(_profile(arguments))


def _logs(arguments: argparse.Namespace) -> int:
    profile = _profile(arguments)
    path = profile.audit_log if arguments.part == "audit" else lifecycle.find_part(profile, arguments.part).log_path
    if not path.exists():
        raise ClusterError(f"there is no log {path}: {arguments.part} wasn't started yet")
    follow = ["--follow"] if arguments.follow else []
    return subprocess.run(["tail", "--lines", "+1", *follow, str(path)], check=False).returncode


def _kubeconfig(arguments: argparse.Namespace) -> None:
    print(_profile(arguments).kubeconfig)


def _environment(profile: Profile) -> dict[str, str]:
    return {"KUBECONFIG": str(profile.kubeconfig), "PATH": f"{bin_dir()}:{os.environ.get('PATH', os.defpath)}"}


def _env(arguments: argparse.Namespace) -> None:
    print(f"export KUBECONFIG='{_profile(arguments).kubeconfig}'\nexport PATH='{bin_dir()}':\"$PATH\"")


def _exec(arguments: argparse.Namespace) -> int:
    words = arguments.words[1:] if arguments.words[:1] == ["--"] else arguments.words
    if not words:
        raise ClusterError("`exec` was given no command: write it after `--`, as in `exec -- kubectl get nodes`")
    environment = {**os.environ, **_environment(_profile(arguments))}
    os.execvpe(words[0], words, environment)  # noqa: S606


def _restart_part(arguments: argparse.Namespace) -> None:
    lifecycle.restart_part(_profile(arguments), arguments.part)


def _kill_part(arguments: argparse.Namespace) -> None:
    lifecycle.find_part(_profile(arguments), arguments.part).kill()


def _base_image(_: argparse.Namespace) -> None:
    print(base_image.ensure())


def _build_image(arguments: argparse.Namespace) -> None:
    pairs = [pair.partition("=") for pair in arguments.build_arg]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise ClusterError(f"--build-arg {wrong[0]!r} has no value: write NAME=VALUE")
    build_arguments = {name: value for name, _, value in pairs}
    image_build.build(arguments.file, arguments.tag, arguments.context, build_arguments)


def _load_image(arguments: argparse.Namespace) -> None:
    for name in arguments.names:
        images.load_named(FULL, name)


def _images(_: argparse.Namespace) -> None:
    print("\n".join(images.present(FULL)))
