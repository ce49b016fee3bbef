"""What a student learns from, kept in files of the job: it goes on after a crash, and memory does not grow with the amount."""

import io
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.distill.sentences import Utterance
from core.distill.teacher import Lesson, Teacher
from core.errors import TtsdashError
from core.files import draft_of, mkdir_private, remove_path, space_shortage

# The mark in a folder that has all examples.
_COMPLETE = "complete"
# For the last example, checkpoints and the variant.
_SPARE_BYTES = 50e6


@dataclass(frozen=True)
class Example:
    """One sentence; both arrays are views of files."""

    activations: npt.NDArray[np.float16]
    """[channels, positions]"""
    samples: npt.NDArray[np.float16]

    @property
    def size_bytes(self) -> int:
        """Return the size of both."""
        return self.activations.nbytes + self.samples.nbytes


def require_space(place: Path, folder: Path, samples: float, known: Sequence[Example]) -> None:
    """Raise TtsdashError if the disk has no room for the examples of a folder that are not drawn yet.

    `samples` is how many all of them have together. Their size follows from that of `known` ones. The error names `place`.
    """
    if (folder / _COMPLETE).exists():
        return
    size = samples * sum(example.size_bytes for example in known) / sum(len(example.samples) for example in known)
    drawn = sum(path.stat().st_size for path in folder.glob("*/*.npy"))
    shortage = space_shortage(place, max(0.0, size - drawn) + _SPARE_BYTES)
    if shortage:
        raise TtsdashError(f"{shortage} for what the student learns from: free some disk space, then retry the job")


def draw_examples(
    open_teacher: Callable[[], Teacher],
    utterances: Iterable[Utterance],
    folder: Path,
    samples: float = math.inf,
    on_progress: Callable[[float], None] = lambda share: None,
) -> list[Example]:
    """Return examples of at least that many samples together, or of all utterances; draw those that have no files yet.

    The teacher is opened only if one is missing. `on_progress` takes the share of the samples that is done.
    """
    if (folder / _COMPLETE).exists():
        found = list(_all(folder))
        if None not in found:
            return [example for example in found if example]
    mkdir_private(folder)
    examples, drawn, teacher = [], 0, open_teacher()
    for number, utterance in enumerate(utterances):
        path, lesson_of = folder / str(number), teacher.latents(utterance)
        example = _read(path) or _write(path, lesson_of())
        examples.append(example)
        drawn += len(example.samples)
        on_progress(min(1.0, drawn / samples))
        if drawn >= samples:
            break
    (folder / _COMPLETE).touch()
    return examples


def _all(folder: Path) -> Iterator[Example | None]:
    """Yield the examples in the order in which they were drawn."""
    yield from (_read(path) for path in sorted(filter(Path.is_dir, folder.iterdir()), key=lambda path: int(path.name)))


def _write(path: Path, lesson: Lesson) -> Example:
    """Write a folder with both arrays, complete or not at all, and return it as an example."""
    remove_path(path)
    example = Example(lesson.activations.astype(np.float16), lesson.samples.astype(np.float16))
    with draft_of(path) as draft:
        mkdir_private(draft)
        for name, values in vars(example).items():
            # In memory first, since NumPy does not report that the disk is full.
            content = io.BytesIO()
            np.save(content, values)
            (draft / f"{name}.npy").write_bytes(content.getbuffer())
    return _read(path) or example


def _read(path: Path) -> Example | None:
    """Return an example that is mapped into memory; None without one, or if it is damaged."""
    try:
        return Example(*(np.load(path / f"{name}.npy", mmap_mode="r") for name in ("activations", "samples")))
    except (OSError, EOFError, ValueError):
        return None
