"""The file of notifiers: what is wrong with it is told in a line, and never with a value of it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from agentteam_operator.api.incident_status import NoticeKind
from agentteam_operator.providers.notifications import InvalidNotifiersError, facts_of, load_notifiers

KEY = "whsec_" + base64.b64encode(bytes(range(24))).decode()
WHOLE = f"""
notifiers:
- {{name: ops, kind: Alertmanager, url: "http://alertmanager:9093/prefix", default: true}}
- name: hook
  kind: Webhook
  url: https://hooks.example/agents
  secret: {KEY}
  events: [RolloutCompleted]
  headers: {{Authorization: Bearer topsecret}}
  timeoutSeconds: 5
- {{name: chat, kind: Slack, url: "https://hooks.slack.example/services/T0/B0/topsecret"}}
"""


def file(folder: Path, text: str) -> Path:
    path = folder / "notifiers.yaml"
    path.write_text(text)
    return path


def test_reads_every_kind(tmp_path: Path) -> None:
    ops, hook, chat = facts_of(load_notifiers(file(tmp_path, WHOLE)))
    told = frozenset(NoticeKind) - {NoticeKind.ROLLOUT_COMPLETED}
    assert (ops.name, ops.events, ops.default) == ("ops", told, True)
    assert (hook.name, hook.events, hook.default) == ("hook", frozenset({NoticeKind.ROLLOUT_COMPLETED}), False)
    assert (chat.name, chat.events) == ("chat", told)


@pytest.mark.parametrize("text", ["", "notifiers: []", "{}"], ids=["empty", "none", "nothing"])
def test_none_may_be_there(tmp_path: Path, text: str) -> None:
    assert load_notifiers(file(tmp_path, text)) == ()


def test_no_file_is_no_notifier() -> None:
    assert load_notifiers(None) == ()


def test_nothing_shows_a_secret(tmp_path: Path) -> None:
    shown = repr(load_notifiers(file(tmp_path, WHOLE)))
    assert "topsecret" not in shown
    assert KEY not in shown


SLACK = "{name: chat, kind: Slack, url: 'https://hooks.example/topsecret'}"
WRONG = {
    "unknown kind": ("[{name: a, kind: Pager, url: topsecret}]", "notifier 'a': "),
    "no kind": ("[{name: a, url: topsecret}]", "notifier 'a': Unable to extract tag"),
    "typo": ("[{name: a, kind: Slack, url: 'http://a', defualt: true}]", "notifier 'a', defualt: Extra inputs"),
    "name": ("[{name: A_B, kind: Slack, url: 'http://a'}]", "notifier 'A_B', name: String should match pattern"),
    "no URL": ("[{name: a, kind: Slack, url: topsecret}]", "notifier 'a', url: must begin with http:// or https://"),
    "broken URL": ("[{name: a, kind: Slack, url: 'http://[topsecret'}]", "notifier 'a', url: is no URL"),
    "no key": ("[{name: a, kind: Webhook, url: 'http://a'}]", "notifier 'a', secret: Field required"),
    "weak key": (
        "[{name: a, kind: Webhook, url: 'http://a', secret: whsec_dG9wc2VjcmV0}]",
        "notifier 'a', secret: must be whsec_ and at least 16 random bytes in base64",
    ),
    "unmarked key": ("[{name: a, kind: Webhook, url: 'http://a', secret: topsecret}]", "secret: must be whsec_"),
    "certificate": ("[{name: a, kind: Slack, url: 'http://a', ca: topsecret}]", "ca: holds no certificate in PEM"),
    "unknown event": ("[{name: a, kind: Slack, url: 'http://a', events: [Everything]}]", "notifier 'a', events"),
    "completion as an alert": (
        "[{name: a, kind: Alertmanager, url: 'http://a', events: [RolloutCompleted]}]",
        "notifier 'a': events: RolloutCompleted is no alert",
    ),
    "one name twice": (f"[{SLACK}, {SLACK}]", "notifiers: several are named chat: names must be unique"),
    "too many by default": (
        "[" + ", ".join(f"{{name: n{n}, kind: Slack, url: 'http://a', default: true}}" for n in range(11)) + "]",
        "notifiers: 11 are default, and a team has at most 10: make fewer of them default",
    ),
    "no list": ("topsecret", "notifiers: Input should be a valid"),
}


@pytest.mark.parametrize(("notifiers", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_without_its_value(tmp_path: Path, notifiers: str, words: str) -> None:
    with pytest.raises(InvalidNotifiersError) as caught:
        load_notifiers(file(tmp_path, f"notifiers: {notifiers}"))
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"NOTIFIERS_FILE {tmp_path / 'notifiers.yaml'}: ")
    assert "topsecret" not in str(caught.value)
    assert "dG9wc2VjcmV0" not in str(caught.value)
    assert caught.value.__cause__ is None, "a traceback would show the values"


UNREADABLE = {
    "no YAML": ("notifiers: [topsecret: {", r"is no YAML \(line 1\)"),
    "not UTF-8": (b"\xff\xfe".decode("latin-1"), "is no YAML|can't be read"),
    "a text": ("topsecret", "Input should be an object"),
}


@pytest.mark.parametrize(("text", "words"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "notifiers.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidNotifiersError, match=words) as caught:
        load_notifiers(path)
    assert "topsecret" not in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidNotifiersError, match="can't be read: FileNotFoundError"):
        load_notifiers(tmp_path / "nothing")
