"""The house style, as far as a test can hold it: standard words, and docstrings that begin with a verb."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Words that this code once used in a sense that only it knew. CONTRIBUTING.md has the standard terms.
RETIRED = re.compile(
    r"(?<![a-z])(wish(es|ed)?|mend(s|ed|ing)?|seams?|anew|hindrances?|standstill|tells?|told|telling|"
    r"data bases?|apart|bystanders?|became of|become of|of (its|one's|their) own|passed over)(?![a-z])",
    re.IGNORECASE,
)
# Plain English in a sentence, but never the name of a thing.
RETIRED_NAMES = re.compile(r"(?<![a-z])(says|gives)(?![a-z])", re.IGNORECASE)
# Names in the store and in other programs that cannot change.
KEPT = re.compile(r"selection_wishes|\.tell\(\)|\"passed over\"")
# Released migrations never change, a changelog is history, the style guide lists the retired words, data is not prose.
EXEMPT = (
    "core/store/migrations.py",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "tests/fixtures/",
    "tests/test_language.py",
    "docs/pictures/",
)
PROSE = (".py", ".md", ".toml", ".tcss", ".j2", ".yml", ".yaml")

# A docstring of a function begins with a verb, so with none of these.
NO_VERB = re.compile(
    r"a|all|an|and|another|any|as|at|both|by|each|either|every|for|from|has|have|here|his|how|if|in|is|it|its|like|nothing|"
    r"no|not|of|on|one|only|other|others|same|some|so|such|than|that|the|their|them|then|there|these|they|this|those|to|"
    r"true|until|what|whatever|when|where|whether|which|who|whoever|why|with|without"
)


def _tracked(*suffixes: str) -> list[str]:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [
        name for name in files if name.endswith(suffixes) and not name.startswith(EXEMPT) and (ROOT / name).is_file()
    ]


def _retired_words(name: str) -> list[str]:
    lines = (ROOT / name).read_text().splitlines()
    return [
        f"{name}:{number}: {found[0]!r} in: {line.strip()[:100]}"
        for number, line in enumerate(lines, 1)
        for words in ((RETIRED, RETIRED_NAMES) if name.endswith(".py") else (RETIRED,))
        for found in words.finditer(KEPT.sub("", line))
    ]


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
            if not decorators & {"property", "cached_property"}:
                yield node


def _verbless(name: str) -> list[str]:
    found = []
    for node in _functions(ast.parse((ROOT / name).read_text())):
        first_line = (ast.get_docstring(node) or "").partition("\n")[0]
        word = re.match(r"[A-Za-z]+", first_line)
        if first_line and (word is None or NO_VERB.fullmatch(word[0].lower())):
            found.append(f"{name}:{node.lineno}: {node.name}: {first_line[:100]}")
    return found


@pytest.mark.parametrize("name", _tracked(*PROSE))
def test_no_retired_word_is_used(name: str) -> None:
    assert not _retired_words(name)


@pytest.mark.parametrize(
    "name", [name for name in _tracked(".py") if name.startswith(("core/", "jobs/", "serve/", "tui/"))]
)
def test_the_docstring_of_a_function_begins_with_a_verb(name: str) -> None:
    assert not _verbless(name)
