"""A chart rendered without helm: as much of Go's templates as our chart uses, and nothing else.

Whatever it does not know is an error, so that it never renders something other than helm would.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_TOKEN = re.compile(r'\s*(?:(?P<text>"[^"]*")|(?P<number>\d+)|(?P<mark>:=|[()|,])|(?P<word>[$.\w]+))')
_MISSING = object()


class Unknown(ValueError):
    """Something that this renderer does not speak."""


@dataclass
class Block:
    """What stands between an action and its ``else`` and ``end``."""

    words: str
    body: list[str | Block] = field(default_factory=list)
    other: list[str | Block] | None = None


def render(chart: Path, *, release: str, **values: Any) -> list[dict[str, Any]]:
    """Every object of a chart, with these values beside its own: ``a__b`` is ``a.b``."""
    given = yaml.safe_load((chart / "values.yaml").read_text())
    for name, value in values.items():
        place = given
        *above, last = name.split("__")
        for step in above:
            place = place[step]
        place[last] = value
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    root = {
        "Values": given,
        "Release": {"Name": release},
        "Chart": {"AppVersion": about["appVersion"], "Name": about["name"]},
    }
    engine = _Engine()
    texts = [engine.text(engine.read(path.read_text()), root, {"$": root}) for path in _files(chart)]
    return [found for text in texts for found in yaml.safe_load_all(text) if found]


def _files(chart: Path) -> list[Path]:
    """The helpers first: they only define."""
    return sorted((chart / "templates").iterdir(), key=lambda path: (path.suffix != ".tpl", path.name))


def parts(source: str) -> Iterator[tuple[bool, str]]:
    """Text and actions in turn, the blanks gone that a dash takes away."""
    trimmed = re.sub(r"-\}\}\s*", "}}", re.sub(r"\s*\{\{-", "{{", source))
    for place, piece in enumerate(re.split(r"\{\{(.*?)\}\}", trimmed, flags=re.DOTALL)):
        yield place % 2 == 1, piece


class _Engine:
    def __init__(self) -> None:
        self.defined: dict[str, list[str | Block]] = {}
        self.known: dict[str, Callable[..., Any]] = {
            "quote": lambda value: f'"{_shown(value)}"',
            "default": lambda other, value: value or other,
            "ternary": lambda yes, no, which: yes if which else no,
            "printf": lambda form, *values: form % values,
            "not": lambda value: not value,
            "list": lambda *values: list(values),
            "add": lambda *values: sum(values),
            "toYaml": lambda value: yaml.safe_dump(value, sort_keys=False).rstrip("\n"),
            "nindent": lambda count, text: "\n" + "\n".join(" " * count + line for line in text.split("\n")),
        }

    def read(self, source: str) -> list[str | Block]:
        """A template as nested blocks."""
        top = Block("")
        open_blocks = [top]
        into = top.body
        for is_action, piece in parts(source):
            words = piece.strip()
            if not is_action:
                into.append(piece)
            elif words == "end":
                self._define(open_blocks.pop())
                into = open_blocks[-1].body if open_blocks[-1].other is None else open_blocks[-1].other
            elif words == "else":
                into = open_blocks[-1].other = []
            else:
                made = Block(words)
                into.append(made)
                if words.split()[0] in ("if", "with", "range", "define"):
                    open_blocks.append(made)
                    into = made.body
        if len(open_blocks) != 1:
            raise Unknown(f"{open_blocks[-1].words} has no end")
        return top.body

    def _define(self, block: Block) -> None:
        if block.words.startswith("define "):
            self.defined[block.words.split('"')[1]] = block.body

    def text(self, body: list[str | Block], dot: Any, names: Mapping[str, Any]) -> str:
        return "".join(p if isinstance(p, str) else self._block(p, dot, names) for p in body)

    def _block(self, block: Block, dot: Any, names: Mapping[str, Any]) -> str:
        word, _, rest = block.words.partition(" ")
        if word == "define":
            return ""
        if word == "range":
            return self._range(block, rest, dot, names)
        if word in ("if", "with"):
            found = self.value(rest, dot, names)
            body = block.body if found else block.other or []
            return self.text(body, found if word == "with" and found else dot, names)
        return _shown(self.value(block.words, dot, names))

    def _range(self, block: Block, words: str, dot: Any, names: Mapping[str, Any]) -> str:
        given, _, asked = words.rpartition(":=")
        called = [name.strip() for name in given.split(",") if name.strip()]
        over = self.value(asked.strip(), dot, names)
        pairs = sorted(over.items()) if isinstance(over, dict) else list(enumerate(over))
        made = []
        for key, value in pairs:
            own = dict(zip(called[-2:], (key, value)[-len(called) :] if called else (), strict=True))
            made.append(self.text(block.body, value, {**names, **own}))
        return "".join(made)

    def value(self, words: str, dot: Any, names: Mapping[str, Any]) -> Any:
        """What a pipeline gives: each command's value is the last argument of the next one."""
        tokens = list(_tokens(words))
        found, rest = self._pipeline(tokens, dot, names)
        if rest:
            raise Unknown(f"{words!r} goes on after its end")
        return found

    def _pipeline(self, tokens: list[str], dot: Any, names: Mapping[str, Any]) -> tuple[Any, list[str]]:
        piped: Any = _MISSING
        while True:
            values: list[Any] = []
            while tokens and tokens[0] not in ("|", ")"):
                value, tokens = self._operand(tokens, dot, names, first=not values)
                values.append(value)
            piped = self._called(values, piped, dot, names)
            if not tokens or tokens[0] == ")":
                return piped, tokens
            tokens = tokens[1:]

    def _operand(
        self, tokens: list[str], dot: Any, names: Mapping[str, Any], *, first: bool
    ) -> tuple[Any, list[str]]:
        word, rest = tokens[0], tokens[1:]
        if word == "(":
            value, rest = self._pipeline(rest, dot, names)
            return value, rest[1:]
        if word.startswith('"'):
            return word[1:-1], rest
        if word.isdigit():
            return int(word), rest
        if word[0] in "$.":
            return _looked_up(word, dot, names), rest
        if first and (word == "include" or word in self.known):
            return _Function(word), rest
        raise Unknown(f"{word!r} is not known")

    def _called(self, values: list[Any], piped: Any, dot: Any, names: Mapping[str, Any]) -> Any:
        more = [] if piped is _MISSING else [piped]
        if not isinstance(values[0], _Function):
            if len(values) + len(more) != 1:
                raise Unknown(f"{values[0]!r} is no function")
            return values[0]
        name, given = values[0].name, [*values[1:], *more]
        if name == "include":
            return self.text(self.defined[given[0]], given[1], {"$": given[1]})
        return self.known[name](*given)


@dataclass(frozen=True)
class _Function:
    name: str


def _tokens(words: str) -> Iterator[str]:
    at = 0
    while at < len(words):
        found = _TOKEN.match(words, at)
        if found is None:
            raise Unknown(f"{words!r} is not understood from {at} on")
        yield found.group(0).strip()
        at = found.end()


def _looked_up(word: str, dot: Any, names: Mapping[str, Any]) -> Any:
    first, *rest = word.split(".")
    found = dot if not first else names[first]
    for name in filter(None, rest):
        if not isinstance(found, dict) or name not in found:
            raise Unknown(f"{word} is not among the values")
        found = found[name]
    return found


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
