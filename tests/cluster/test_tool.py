"""The tool's own rules: who a process is, when a build is of use, what a build context holds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path, PurePath

import pytest

from tests.cluster import image_archive, image_build, images, preflight, processes, programs, system
from tests.cluster.dockerignore import Ignore
from tests.cluster.image_archive import ProgramImage
from tests.cluster.processes import ProcessRecord
from tests.cluster.profiles import FAST, FULL

BOOT = "6f1b3f0e-0000-4000-8000-000000000001"


def stat_line(pid: int, start_ticks: int, state: str = "S", name: str = "etcd") -> str:
    before = " ".join(["1"] * 18)
    return f"{pid} ({name}) {state} {before} {start_ticks} 0 0"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc with process 42, which started at tick 1000."""
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text(BOOT + "\n")
    (tmp_path / "42").mkdir()
    (tmp_path / "42/stat").write_text(stat_line(42, 1000))
    return tmp_path


@pytest.mark.parametrize(
    ("record", "running"),
    [
        pytest.param(ProcessRecord(BOOT, 42, 1000), True, id="the same process"),
        pytest.param(ProcessRecord(BOOT, 42, 999), False, id="the pid was given to another"),
        pytest.param(ProcessRecord(BOOT, 43, 1000), False, id="no such process"),
        pytest.param(ProcessRecord("another", 42, 1000), False, id="the machine was restarted"),
        pytest.param(None, False, id="no record"),
    ],
)
def test_is_running(proc: Path, record: ProcessRecord | None, running: bool) -> None:  # noqa: FBT001
    assert processes.is_running(record, proc) is running


@pytest.mark.parametrize("state", ["Z", "X"])
def test_a_process_that_only_waits_to_be_collected_does_not_run(proc: Path, state: str) -> None:
    (proc / "42/stat").write_text(stat_line(42, 1000, state))
    assert not processes.is_running(ProcessRecord(BOOT, 42, 1000), proc)


@pytest.mark.parametrize("name", ["etcd", "a b", "a) S 1 (b", "((", ""])
def test_parse_stat_takes_any_program_name(name: str) -> None:
    assert processes.parse_stat(stat_line(42, 1000, "R", name)) == (42, "R", 1000)


@pytest.mark.parametrize("content", ["", BOOT, f"{BOOT}\n42 (etcd", f"{BOOT}\nnonsense"], ids=repr)
def test_a_torn_record_is_no_record(tmp_path: Path, content: str) -> None:
    path = tmp_path / "etcd.process"
    path.write_text(content)
    assert processes.read_record(path) is None


def spawn(folder: Path, *argv: str) -> ProcessRecord:
    record_path = folder / "one.process"
    processes.spawn(argv, record_path=record_path, log_path=folder / "one.log", environment={"PATH": os.defpath})
    record = processes.read_record(record_path)
    assert record is not None
    return record


@pytest.mark.parametrize("grace_seconds", [0.0, 5.0], ids=["killed", "asked"])
def test_spawn_and_stop(tmp_path: Path, grace_seconds: float) -> None:
    record = spawn(tmp_path, "/bin/sleep", "60")
    assert processes.is_running(record)
    processes.wait_until(lambda: processes.command_line(record) == ("/bin/sleep", "60"), 5, "exec")
    assert os.getsid(record.pid) == record.pid, "must not die with our session"
    processes.stop(record, grace_seconds)
    assert not processes.is_running(record)


def test_stop_kills_what_does_not_listen(tmp_path: Path) -> None:
    record = spawn(tmp_path, "/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done")
    processes.wait_until(lambda: "deaf" in (tmp_path / "one.log").read_text(), 5, "the trap")
    processes.stop(record, 0.2)
    assert not processes.is_running(record)


def test_stop_spares_the_one_who_has_the_pid_now() -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as stranger:
        now = processes.identify(stranger.pid)
        assert now is not None
        processes.stop(ProcessRecord(now.boot_id, now.pid, now.start_ticks - 1), 0)
        assert stranger.poll() is None
        stranger.send_signal(signal.SIGKILL)


def test_spawn_keeps_the_log_of_the_run_before(tmp_path: Path) -> None:
    for word in ("first", "second"):
        record = spawn(tmp_path, "/bin/echo", word)
        processes.wait_until(lambda record=record: not processes.is_running(record), 5, "echo")  # type: ignore[misc]
    assert (tmp_path / "one.previous.log").read_text() == "first\n"
    assert (tmp_path / "one.log").read_text() == "second\n"


def module_at(folder: Path, *, tags: tuple[str, ...] = ()) -> programs.Module:
    class Moved(programs.Module):
        @property
        def source_dir(self) -> Path:
            return folder

    return Moved("etcd", {"server": "etcd"}, tags=tags)


@pytest.mark.parametrize("change", ["go.mod", "go.sum", "tags", "compiler"])
def test_cache_key_covers_every_input(tmp_path: Path, change: str) -> None:
    for name in ("go.mod", "go.sum"):
        (tmp_path / name).write_text("1")
    before = programs.cache_key(module_at(tmp_path), "go1.26.4")
    assert programs.cache_key(module_at(tmp_path), "go1.26.4") == before
    if change.startswith("go."):
        (tmp_path / change).write_text("2")
    tags = ("no_zfs",) if change == "tags" else ()
    compiler = "go1.26.5" if change == "compiler" else "go1.26.4"
    assert programs.cache_key(module_at(tmp_path, tags=tags), compiler) != before


def test_cache_key_tells_moved_content_apart(tmp_path: Path) -> None:
    keys = set()
    for first, second in (("ab", "c"), ("a", "bc")):
        (tmp_path / "go.mod").write_text(first)
        (tmp_path / "go.sum").write_text(second)
        keys.add(programs.cache_key(module_at(tmp_path), "go1.26.4"))
    assert len(keys) == 2


@pytest.mark.parametrize("module", programs.FULL_MODULES, ids=lambda module: str(module.name))
def test_each_program_is_one_that_its_module_lists(module: programs.Module) -> None:
    text = (module.source_dir / "go.mod").read_text()
    if module.target == "tool":
        assert all(f"/{file}" in text for file in module.programs)
    else:
        assert (module.source_dir / "main.go").is_file()


def test_the_two_profiles_share_no_port_and_no_folder() -> None:
    assert not set(vars(FAST.ports).values()) & set(vars(FULL.ports).values())
    assert FAST.state_dir != FULL.state_dir
    assert FAST.service_cidr != FULL.service_cidr


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param("go version go1.26.8 linux/amd64", (1, 26, 8), id="release"),
        pytest.param("go 1.26", (1, 26, 0), id="directive without patch"),
        pytest.param("go version go1.27rc1 linux/arm64", (1, 27, 0), id="candidate"),
    ],
)
def test_parse_go_version(text: str, version: tuple[int, ...]) -> None:
    assert preflight.parse_go_version(text) == version


@pytest.mark.parametrize(
    ("rules", "path", "ignored"),
    [
        pytest.param("*.pyc", "a.pyc", True, id="at the root"),
        pytest.param("*.pyc", "a/b.pyc", False, id="a bare pattern is for the root only"),
        pytest.param("**/*.pyc", "a/b/c.pyc", True, id="at any depth"),
        pytest.param("**/*.pyc", "c.pyc", True, id="any depth is also none"),
        pytest.param("tests", "tests/unit/a.py", True, id="a folder is all that is in it"),
        pytest.param("tests/", "tests/unit/a.py", True, id="trailing slash"),
        pytest.param("*\n!operator", "operator/a.py", False, id="taken back"),
        pytest.param("!operator\n*", "operator/a.py", True, id="the last rule decides"),
        pytest.param("# tests\n\n", "tests/a", False, id="comments and empty lines"),
        pytest.param("a.b", "axb", False, id="a dot is a dot"),
        pytest.param("[!a].txt", "b.txt", True, id="character class"),
        pytest.param("?.txt", "/.txt", False, id="one character, no slash"),
    ],
)
def test_dockerignore(rules: str, path: str, ignored: bool) -> None:  # noqa: FBT001
    assert Ignore.parse(rules).matches(PurePath(path)) is ignored


def test_image_content_key(tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM scratch")
    (tmp_path / ".dockerignore").write_text("ignored")
    (tmp_path / "file").write_text("1")
    before = image_build.content_key(dockerfile, tmp_path, {})
    (tmp_path / "ignored").write_text("1")
    assert image_build.content_key(dockerfile, tmp_path, {}) == before
    assert image_build.content_key(dockerfile, tmp_path, {"A": "1"}) != before
    (tmp_path / "file").chmod(0o755)
    executable = image_build.content_key(dockerfile, tmp_path, {})
    assert executable != before
    (tmp_path / "file").write_text("2")
    assert image_build.content_key(dockerfile, tmp_path, {}) != executable


def test_the_same_program_gives_the_same_image(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(b"program")
    image = ProgramImage("localhost/pause:1", program, 65534, folders=["data"])
    first = image_archive.write(image, tmp_path / "a.tar")
    os.utime(program, (0, 0))
    assert image_archive.write(image, tmp_path / "b.tar") == first
    program.write_bytes(b"another")
    assert image_archive.write(image, tmp_path / "c.tar") != first


@pytest.mark.parametrize(
    ("content", "held", "kept"),
    [
        pytest.param({"image_id": "b" * 64}, "b" * 64, True, id="buildah has it"),
        pytest.param({"image_id": "b" * 64}, None, False, id="buildah has it no more"),
        pytest.param({"image_id": "b" * 64}, "c" * 64, False, id="buildah has another by that name"),
        pytest.param({"nonsense": 1}, "b" * 64, False, id="a record that can't be read"),
    ],
)
def test_only_images_that_are_still_there_are_loaded(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: dict[str, str],
    held: str | None,
    kept: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setenv("AGENTTEAM_CACHE", str(tmp_path))
    monkeypatch.setattr("tests.cluster.buildah.image_id", lambda _: held)
    path = images.record_path("localhost/team:trial")
    path.parent.mkdir()
    path.write_text(json.dumps({"reference": "localhost/team:trial", "key": "k", **content}))
    assert [record.reference for record in images.built()] == (["localhost/team:trial"] if kept else [])
    assert path.exists() is kept


def test_mounts_below_come_innermost_first_and_unescaped() -> None:
    mountinfo = "\n".join(
        f"36 35 98:0 / {point} rw - tmpfs tmpfs rw" for point in ("/", "/s", "/s/a", "/s/a\\040b/c", "/state", "/s/a/b")
    )
    found = system.mounts_below(Path("/s"), mountinfo)
    assert set(found) == {Path("/s"), Path("/s/a"), Path("/s/a b/c"), Path("/s/a/b")}
    assert found.index(Path("/s/a/b")) < found.index(Path("/s/a")) < found.index(Path("/s"))
