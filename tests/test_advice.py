"""A command that a message advises can be copied into a shell, whatever the names and paths in it are."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(path for folder in ("core", "jobs", "tui") for path in (ROOT / folder).rglob("*.py"))
# The beginning of a command, and what ends it within a message.
COMMAND = re.compile(
    r"\bttsdash (?:apply|benchmark|doctor|jobs|optimize|results|select|serve|speak|voices|worker)\b|\b(?:sudo|chmod|chown|loginctl|mkdir|mv|cp|rm|ls|kill|sh) -?\w*"
)
END = re.compile(r"[`;)]|, |&& $")
QUOTING = ("shlex.quote", "shlex.join")
# Numbers and names that ttsdash itself has given.
SAFE = re.compile(r"(self\._)?job(_id|\.id)?|ids|total|state|recipe\.name|major")


def quoted_names(tree: ast.AST) -> set[str]:
    """Return the names that quoted text is assigned to."""
    names = set()
    for assignment in ast.walk(tree):
        for target in assignment.targets if isinstance(assignment, ast.Assign) else ():
            value = assignment.value
            both = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            pairs = zip(target.elts, value.elts, strict=False) if both else [(target, value)]
            names |= {ast.unparse(name) for name, one in pairs if is_quoted(one)}
    return names


def is_quoted(value: ast.AST) -> bool:
    """Return whether a value is quoted text: a call that quotes, or what puts such calls together."""
    return any(isinstance(one, ast.Call) and ast.unparse(one.func) in QUOTING for one in ast.walk(value))


def unquoted(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the source of each value that is put into a command without quotes."""
    names = quoted_names(tree)
    for message in ast.walk(tree):
        if not isinstance(message, ast.JoinedStr):
            continue
        within = False
        for part in message.values:
            if isinstance(part, ast.Constant):
                text = str(part.value)
                started = list(COMMAND.finditer(text))
                begin = started[-1].start() if started else 0
                within = (within or bool(started)) and not END.search(text, begin)
            elif within and isinstance(part, ast.FormattedValue):
                source = ast.unparse(part.value)
                if not (source in names or is_quoted(part.value) or SAFE.fullmatch(source)):
                    yield message.lineno, source


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_put_into_a_command_is_quoted(path: Path) -> None:
    assert list(unquoted(ast.parse(path.read_text(encoding="utf-8")))) == []
