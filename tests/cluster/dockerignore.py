"""Which files of a build context the build doesn't see: .dockerignore's rules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePath


@dataclass(frozen=True)
class Ignore:
    """The rules of one file in their order; the last that matches a path decides, and ``!`` takes back."""

    rules: tuple[tuple[re.Pattern[str], bool], ...]

    @classmethod
    def of(cls, context: Path, dockerfile: Path) -> Ignore:
        """The rules beside the Dockerfile (``<name>.dockerignore``), else the context's; none where neither is."""
        for file in (dockerfile.with_name(f"{dockerfile.name}.dockerignore"), context / ".dockerignore"):
            if file.is_file():
                return cls.parse(file.read_text())
        return cls(())

    @classmethod
    def parse(cls, text: str) -> Ignore:
        """Rules from the file's text."""
        lines = (line.strip() for line in text.splitlines())
        kept = [line for line in lines if line and not line.startswith("#")]
        return cls(tuple((_pattern(line.removeprefix("!").strip()), not line.startswith("!")) for line in kept))

    def matches(self, path: PurePath) -> bool:
        """Whether the file, relative to the context, is left out; a rule for a folder holds for all that is in it."""
        ignored = False
        candidates = [path.as_posix(), *(parent.as_posix() for parent in path.parents if parent.name)]
        for pattern, leaves_out in self.rules:
            if any(pattern.fullmatch(candidate) for candidate in candidates):
                ignored = leaves_out
        return ignored

    def skips_folder(self, path: PurePath) -> bool:
        """Whether nothing below the folder can be in the build."""
        return self.matches(path) and all(leaves_out for _, leaves_out in self.rules)


def _pattern(glob: str) -> re.Pattern[str]:
    expression = ""
    for token in re.findall(r"\*\*/?|\*|\?|\[[^]]*\]|.", glob.strip("/").removeprefix("./")):
        match token:
            case "**/":
                expression += "(?:.*/)?"
            case "**":
                expression += ".*"
            case "*":
                expression += "[^/]*"
            case "?":
                expression += "[^/]"
            case _ if token.startswith("["):
                expression += token.replace("[!", "[^", 1)
            case _:
                expression += re.escape(token)
    return re.compile(expression)
