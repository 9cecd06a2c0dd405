from __future__ import annotations

import pytest

from tests.model_endpoint.answers import Message, answer, tokens


def _select(participants: str, *history: str) -> list[Message]:
    prompt = [
        "You are in a role play game. The following roles are available:",
        "router: Routes",
        "clerk: Answers",
        "expert: Knows.",
        f"Read the conversation. Then choose the next role from {participants} to play.",
        *history,
        "Only return the role.",
    ]
    return [{"role": "system", "content": "\n\n".join(prompt)}]


@pytest.mark.parametrize(
    ("messages", "role"),
    [
        pytest.param(
            _select("['router', 'clerk', 'expert']", "user: I need an expert who answers well"), "clerk", id="nearest"
        ),
        pytest.param(_select("['router', 'clerk', 'expert']", "user: help"), "router", id="nobody-spoke"),
        pytest.param(_select("['clerk', 'expert']", "user: help", "router: ok"), "clerk", id="previous-left-out"),
        pytest.param(
            _select("['router', 'expert']", "user: help", "router: ok", "clerk: yes"), "expert", id="least-heard"
        ),
    ],
)
def test_selector_prompts_get_one_valid_role(messages: list[Message], role: str) -> None:
    assert answer(messages) == role


@pytest.mark.parametrize(
    ("system", "ending"),
    [
        pytest.param("Answer the customer. End with TERMINATE.", " TERMINATE", id="stop-word"),
        pytest.param("Use HTTP or JSON, then say APPROVE", " APPROVE", id="the-last-one-counts"),
        pytest.param("You route customers. OK?", "all in order.", id="no-stop-word"),
    ],
)
def test_answers_end_as_the_system_message_wants(system: str, ending: str) -> None:
    text = answer([{"role": "system", "content": system}, {"role": "user", "content": "Where is order 17?"}])
    assert "Where is order 17?" in text
    assert text.endswith(ending)


def test_a_list_of_parts_is_read_as_text() -> None:
    parts = [{"type": "text", "text": "Where is "}, {"type": "text", "text": "order 17?"}]
    assert "Where is order 17?" in answer([{"role": "user", "content": parts}])


def test_a_user_who_writes_a_list_of_one_gets_an_answer() -> None:
    assert answer([{"role": "user", "content": "what is ['a']"}]).startswith("Here is")


def test_tokens_join_to_the_text() -> None:
    assert "".join(tokens("one two  three.")) == "one two  three."
