"""Voxels of a stack, read slice by slice straight into one preallocated array.

Uncompressed samples are read with seek and readinto at the byte the header named, no parser
between; everything else goes through a decoder. Memory is the voxels and one slice a thread.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from workstation.dicom.pixels import frame_samples
from workstation.dicom.placement import normal_places
from workstation.dicom.stacks import build_stacks, why_no_stack
from workstation.domain.errors import N_, BadInput, Message, ReaderError
from workstation.domain.volume import Flag, Frame, Stack, Volume, acquired_frames
from workstation.domain.work import Cancel, Progress, no_progress

__all__ = ["VolumeReader", "build_stacks", "read_frame", "read_volume", "why_no_stack"]

Locate = Callable[[str], Path]
"""From a file's SHA-256 to where it lies."""

_THREADS = 2
_AIR_HU = -1024


def empty_value(stack: Stack) -> int:
    """What stands where there is no slice: air in CT, zero elsewhere."""
    return _AIR_HU if stack.unit == "[hnsf'U]" else 0


def outward(first: int, count: int) -> list[int]:
    """0..count-1 in order of distance from ``first``, which is kept within them."""
    first = min(max(first, 0), count - 1)
    return sorted(range(count), key=lambda z: (abs(z - first), z < first))


def read_volume(
    stack: Stack,
    locate: Locate,
    phase: int = 0,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> Volume:
    """All voxels of one phase. Raises ``ReaderError`` where a slice cannot be read."""
    reader = VolumeReader(stack, phase, locate)
    doing = Message(N_("Reading images"))
    for done, z in enumerate(reader.fill(0, cancel), start=1):
        if z in reader.broken:
            broken = reader.broken[z]
            raise BadInput(broken.template, **broken.params)
        progress(done / stack.grid.shape[0], doing)
    return Volume(reader.array, stack.grid, stack, phase, reader.acquired)


def read_frame(stack: Stack, phase: int, z: int, locate: Locate) -> NDArray[Any]:
    """Modality values of one plane of the grid: (y, x), or (y, x, 3) for colour."""
    _, rows, columns = stack.grid.shape
    shape = (rows, columns, 3) if stack.samples == 3 else (rows, columns)
    out = np.zeros(shape, dtype=stack.dtype)
    _Planes(stack, phase, locate).read(z, out)
    return out


def read_image(stack: Stack, phase: int, number: int, locate: Locate) -> NDArray[Any]:
    """Modality values of one of ``acquired_frames``, with nothing interpolated."""
    frame = acquired_frames(stack, phase)[number]
    _, rows, columns = stack.grid.shape
    shape = (rows, columns, 3) if stack.samples == 3 else (rows, columns)
    out = np.zeros(shape, dtype=stack.dtype)
    read_into(stack, frame, locate(frame.sha256), out)
    return out


class VolumeReader:
    """Fills ``array`` while others already look at it.

    array: (z, y, x) modality values in ``stack.unit``, or (z, y, x, 3) for colour; zero where
    nothing was read yet. acquired: the images of an uneven stack as they were made, else None
    (``domain.volume.Volume``). broken: why a plane could not be read, by z; it holds
    ``empty_value``.
    """

    def __init__(self, stack: Stack, phase: int, locate: Locate) -> None:
        if not 0 <= phase < stack.phases:
            raise BadInput(N_("The series has no phase {number}."), number=phase + 1)
        shape = stack.grid.shape if stack.samples == 1 else (*stack.grid.shape, 3)
        self.stack = stack
        self.phase = phase
        self.broken: dict[int, Message] = {}
        _room_for(shape, stack.dtype)
        # Zeroed by the system page by page, when first touched: allocating takes no time.
        self.array: NDArray[Any] = np.zeros(shape, dtype=stack.dtype)
        self._planes = _Planes(stack, phase, locate)
        self.acquired: NDArray[Any] | None = self._planes.images

    def fill(self, first_z: int = 0, cancel: Cancel | None = None) -> Iterator[int]:
        """Read every plane, from ``first_z`` outward; yields z as each one is in.

        Raises ``Cancelled`` where stopping was asked for.
        """
        stop = threading.Event()

        def one(z: int) -> int:
            if not stop.is_set() and not (cancel is not None and cancel.asked):
                try:
                    self._planes.read(z, self.array[z])
                except ReaderError as error:
                    self.array[z] = empty_value(self.stack)
                    self.broken[z] = error.message
            return z

        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="slices")
        try:
            waiting: list[Future[int]] = [
                pool.submit(one, z) for z in outward(first_z, self.stack.grid.shape[0])
            ]
            for future in waiting:
                z = future.result()
                if cancel is not None:
                    cancel.check()
                yield z
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _room_for(shape: tuple[int, ...], dtype: str) -> None:
    """Refuse what would make the whole computer crawl rather than try it."""
    needed = math.prod(shape) * np.dtype(dtype).itemsize
    free = psutil.virtual_memory().available
    if needed > 0.9 * free:
        raise BadInput(
            N_("The series needs {needed} MB of memory, but only {free} MB are free."),
            needed=needed >> 20,
            free=free >> 20,
        )


class _Planes:
    """Planes of the grid of one phase: frames as they are, or interpolated between two."""

    def __init__(self, stack: Stack, phase: int, locate: Locate) -> None:
        places = stack.grid.shape[0]
        self._stack = stack
        self._locate = locate
        self._frames = stack.frames[phase * places : (phase + 1) * places]
        self._empty = empty_value(stack)
        self._acquired: tuple[Frame, ...] = ()
        self.images: NDArray[Any] | None = None
        if Flag.UNEVEN_SPACING in stack.flags:
            self._acquired = acquired_frames(stack, phase)
            self._places = normal_places(stack)
            size = stack.grid.shape[1:] if stack.samples == 1 else (*stack.grid.shape[1:], 3)
            self.images = np.zeros((len(self._acquired), *size), dtype=stack.dtype)
            self._locks = [threading.Lock() for _ in self._acquired]
            self._read = [False] * len(self._acquired)

    def read(self, z: int, out: NDArray[Any]) -> None:
        """Plane ``z`` into ``out`` (y, x), which is C-contiguous and of the stack's dtype."""
        if self._acquired:
            self._between(float(self._places[z]), out)
            return
        frame = self._frames[z]
        if not frame.sha256:
            out[...] = self._empty
            return
        read_into(self._stack, frame, self._locate(frame.sha256), out)

    def _between(self, place: float, out: NDArray[Any]) -> None:
        positions = [f.position_mm for f in self._acquired]
        above = int(np.searchsorted(positions, place))
        above = min(max(above, 0), len(positions) - 1)
        below = max(0, above - 1)
        gap = positions[above] - positions[below]
        part = 1.0 if gap <= 0 else (place - positions[below]) / gap
        part = min(max(part, 0.0), 1.0)
        if part > 1 - 1e-4 or part < 1e-4:  # on a slice, up to rounding of positions
            out[...] = self._slice(above if part > 0.5 else below)
            return
        mixed = self._slice(below) * (1.0 - part) + self._slice(above) * part
        out[...] = np.rint(mixed) if out.dtype.kind in "iu" else mixed

    def _slice(self, at: int) -> NDArray[Any]:
        assert self.images is not None
        image, frame = self.images[at], self._acquired[at]
        with self._locks[at]:
            if not self._read[at]:
                try:
                    read_into(self._stack, frame, self._locate(frame.sha256), image)
                except ReaderError:
                    image[...] = self._empty
                    raise
                self._read[at] = True
        return np.asarray(image)


def _stored(name: str) -> tuple[np.dtype[Any], int]:
    """dtype of a stored sample and how many of its low bits count."""
    plain, _, bits = name.partition("/")
    dtype = np.dtype(plain).newbyteorder("<")
    return dtype, int(bits) if bits else dtype.itemsize * 8


def _read_bytes(path: Path, offset: int, buffer: NDArray[Any]) -> None:
    wanted = buffer.reshape(-1).view(np.uint8).data
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            done = 0
            while done < len(wanted):
                count = file.readinto(wanted[done:])
                if not count:
                    break
                done += count
    except OSError as error:
        raise BadInput(N_("The file cannot be read from its disk.")) from error
    if done < len(wanted):
        raise BadInput(
            N_("The file ends in the middle of its image data: {held} of {expected} bytes."),
            held=done,
            expected=len(wanted),
        )


def read_into(stack: Stack, frame: Frame, path: Path, out: NDArray[Any]) -> None:
    """Modality values of one frame into ``out``: (y, x) or (y, x, 3), of ``stack.dtype``."""
    if frame.pixel_offset < 0:
        values = frame_samples(path, frame, out.shape)
        if stack.samples == 3:
            out[...] = values >> (8 * values.dtype.itemsize - 8)  # the high byte of each sample
        else:
            _rescale(values, frame, out)
        return
    dtype, bits = _stored(stack.stored_dtype)
    # int16 arrays take 16-bit samples in place; signed and unsigned share their bytes.
    in_place = out.dtype == np.int16 and dtype.itemsize == 2 and out.flags.c_contiguous
    if stack.samples == 3:
        in_place = True
    raw = out.view(dtype) if in_place else np.empty(out.shape, dtype=dtype)
    _read_bytes(path, frame.pixel_offset, raw)
    unused = dtype.itemsize * 8 - bits
    if unused:
        if dtype.kind == "i":  # extend the sign from the highest stored bit
            np.left_shift(raw, unused, out=raw)
            np.right_shift(raw, unused, out=raw)
        else:
            np.bitwise_and(raw, dtype.type((1 << bits) - 1), out=raw)
    if in_place and out.dtype == np.int16:
        _saturate(raw, frame)
    if not in_place or frame.slope != 1.0 or frame.intercept != 0.0:
        _rescale(out if in_place else raw, frame, out)


def _saturate(raw: NDArray[Any], frame: Frame) -> None:
    """Limit 16-bit samples in place so that their modality values stay within an int16."""
    if frame.slope != 1.0:
        return  # such stacks are int16 only where every value fits
    limits = np.iinfo(raw.dtype)
    low, high = -32768 - int(frame.intercept), 32767 - int(frame.intercept)
    if low > limits.min:
        np.maximum(raw, raw.dtype.type(low), out=raw)
    if high < limits.max:
        np.minimum(raw, raw.dtype.type(high), out=raw)


def _rescale(values: NDArray[Any], frame: Frame, out: NDArray[Any]) -> None:
    """``values`` times slope plus intercept (PS3.3 C.11.1.1.2) into ``out``."""
    if out.dtype.kind == "f":
        np.multiply(values, frame.slope, out=out, casting="unsafe")
        if frame.intercept:
            np.add(out, out.dtype.type(frame.intercept), out=out)
        return
    if frame.slope == 1.0:
        if values is not out:
            if values.dtype.itemsize == 2 and out.dtype == np.int16:
                values = values.copy()
                _saturate(values, frame)
            out[...] = values  # whole numbers that fit, which the stack's dtype promises
        if frame.intercept:
            np.add(out, out.dtype.type(int(frame.intercept)), out=out)
        return
    out[...] = values.astype(np.int32) * int(frame.slope) + int(frame.intercept)
