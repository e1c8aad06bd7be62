"""MP4 films of pictures, without sound and without any words of their own."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.work import Cancel, Progress, no_progress

_WRITING = N_("Writing the film: {done} of {count}")


def write_mp4(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    count: int,
    fps: float,
    *,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> int:
    """Write (rows, columns, 3) RGB pictures, all of one size, to ``path``; how many there were.

    MPEG-4 Visual in MP4, which every player of Windows and Linux knows. An odd row or column at
    the edge is left out (the codec counts in pairs). The file appears when it is whole.
    """
    import cv2  # its start takes a while, and few sessions make a film

    # The library opens files by bytes of the system's code page: a Chinese path may fail there.
    with tempfile.TemporaryDirectory(prefix="onescan-film-") as folder:
        made = Path(folder) / "film.mp4"
        writer: Any = None
        done = 0
        try:
            for frame in frames:
                if cancel is not None:
                    cancel.check()
                rows, columns = (n - n % 2 for n in frame.shape[:2])
                if writer is None:
                    code = cv2.VideoWriter.fourcc(*"mp4v")
                    writer = cv2.VideoWriter(str(made), cv2.CAP_FFMPEG, code, fps, (columns, rows))
                    if not writer.isOpened():
                        raise BadInput(N_("This computer cannot write films."))
                writer.write(np.ascontiguousarray(frame[:rows, :columns, ::-1]))
                done += 1
                progress(done / max(count, 1), Message(_WRITING, {"done": done, "count": count}))
        finally:
            if writer is not None:
                writer.release()
        if not done:
            raise BadInput(N_("There is nothing to make a film of."))
        data = made.read_bytes()
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return done
