"""What a refusal must be: one line that names the file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidInput


def refusal(function: Callable[..., Any], *arguments: Any, names: Path) -> str:
    """The message with which a call refuses a file."""
    with pytest.raises(InvalidInput) as caught:
        function(*arguments)
    message = str(caught.value)
    assert message.splitlines() == [message]
    assert str(names) in message
    return message
