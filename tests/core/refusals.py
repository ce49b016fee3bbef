"""Checks of how wrong input is refused: by one line that names the file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidInput


def refusal(function: Callable[..., Any], *arguments: Any, names: Path) -> str:
    """Call the function, which must refuse the file, and return the message."""
    with pytest.raises(InvalidInput) as caught:
        function(*arguments)
    message = str(caught.value)
    assert message.splitlines() == [message]
    assert str(names) in message
    return message
