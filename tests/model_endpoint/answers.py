"""What the model says: the next speaker to a team that asks for one, an answer to anybody else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]

_ROLES = re.compile(r"\[('[A-Za-z_]\w*'(?:, ?'[A-Za-z_]\w*')+)\]")
_STOP_WORD = re.compile(r"\b[A-Z][A-Z_]{3,}\b")
_QUOTED_CHARACTERS = 60
_STEM_CHARACTERS = 5


def answer(messages: Sequence[Message]) -> str:
    """The text of the answer; the same for the same messages.

    A prompt that lists roles (``['router', 'clerk']``), as AutoGen's SelectorGroupChat sends it, is answered with the
    role that has spoken least and fits the question. Other prompts are answered in a sentence
    on the first user message (later ones are other agents' words); where a system message has a word of
    four or more capitals (``end with TERMINATE``), the answer ends with it, so a textMention termination is met.
    """
    if roles := _roles_asked_for(messages):
        return _next_role(roles, _text(messages[-1]))
    question = next((_text(message) for message in messages if message.get("role") == "user"), "")
    quoted = " ".join(question.split())[:_QUOTED_CHARACTERS]
    sentence = f"Here is what I found about {quoted!r}: it is all in order."
    stop_words = [
        word for message in messages if message.get("role") == "system" for word in _STOP_WORD.findall(_text(message))
    ]
    return f"{sentence} {stop_words[-1]}" if stop_words else sentence


def tokens(text: str) -> list[str]:
    """The text in pieces as they are streamed and counted: words with the blanks after them."""
    return re.findall(r"\S+\s*", text)


def _text(message: Message) -> str:
    return "".join(_texts(message.get("content")))


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                yield part["text"]


def _roles_asked_for(messages: Sequence[Message]) -> list[str]:
    """The roles to choose from; none when the last message asks for no choice."""
    if not messages or messages[-1].get("role") not in {"system", "user"}:
        return []
    listed = _ROLES.findall(_text(messages[-1]))
    return re.findall(r"\w+", listed[-1]) if listed else []


def _next_role(roles: Sequence[str], prompt: str) -> str:
    """The role that has spoken least; of equals, the one described nearest to the user's words, else the first.

    Speakers stand at the beginnings of lines (``clerk: ...``). So do the roles' descriptions, once each and before,
    which adds the same to all.
    """
    lines = re.findall(rf"^({'|'.join(map(re.escape, roles))}): ?(.*)", prompt, flags=re.MULTILINE)
    spoken = Counter(role for role, _ in lines)
    described = dict(reversed(lines))
    asked = _stems(" ".join(re.findall(r"^user: ?(.*)", prompt, flags=re.MULTILINE)))
    return min(roles, key=lambda role: (spoken[role], -len(asked & _stems(described.get(role, "")))))


def _stems(text: str) -> set[str]:
    return {word[:_STEM_CHARACTERS] for word in re.findall(r"[a-z]+", text.lower()) if len(word) >= _STEM_CHARACTERS}
