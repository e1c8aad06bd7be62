"""Every file of a folder: opened as what, or refused why; its samples against other decoders.

``python -m tests.every_file ../shared/data/dicom_corner_cases`` prints one line of Markdown a file
and totals. Independent decoders: GDCM (in a process of its own, which some broken files end) for
grey and RGB, DCMTK where our own decoder is GDCM, and for colours that have to be converted.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image

from workstation.dicom.encodings import encoding_name
from workstation.dicom.headers import FileHeader, read_header
from workstation.dicom.pixels import decode_frame
from workstation.dicom.stacks import build_stacks, why_no_stack
from workstation.dicom.volumes import read_volume
from workstation.domain.errors import ReaderError

HEADS = ("file", "encoding", "opened as, or refused because", "sum of samples", "same in")
_BY_GDCM_HERE = {"50", "51", "57", "70"}
"""JPEG processes that the product leaves to GDCM or to libjpeg, as GDCM does: DCMTK is asked."""

_GDCM = """
import gdcm, json, sys
import numpy as np
names = {"UINT8": "u1", "INT8": "i1", "UINT16": "<u2", "INT16": "<i2", "UINT32": "<u4",
         "INT32": "<i4", "FLOAT32": "<f4", "FLOAT64": "<f8"}
kinds = {getattr(gdcm.PixelFormat, name): kind for name, kind in names.items()}
for path in json.loads(sys.stdin.read()):
    print(json.dumps([path, "began"]), flush=True)
    reader = gdcm.ImageReader()
    reader.SetFileName(path)
    if not reader.Read():
        continue
    image = reader.GetImage()
    data = image.GetBuffer().encode("utf-8", "surrogateescape")
    kind = image.GetPixelFormat().GetScalarType()
    if kind == gdcm.PixelFormat.SINGLEBIT:
        sizes = [image.GetDimension(i) for i in range(image.GetNumberOfDimensions())]
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
        total = int(bits[: int(np.prod(sizes))].sum())
    elif kind in kinds:
        total = float(np.frombuffer(data, kinds[kind]).astype(np.float64).sum())
    else:
        continue
    print(json.dumps([path, total]), flush=True)
"""


@dataclass(frozen=True)
class Row:
    """What became of one file. theirs: decoder and its sum, where one could be asked."""

    path: str
    encoding: str
    opened: str
    ours: float | None = None
    theirs: tuple[str, float] | None = None
    tolerance: float = 0.0
    refused: bool = False

    @property
    def differs(self) -> bool:
        """Whether another decoder says something else."""
        if self.ours is None or self.theirs is None:
            return False
        return abs(self.ours - self.theirs[1]) > self.tolerance

    @property
    def cells(self) -> tuple[str, ...]:
        """As a line of the table."""
        same = "-"
        if self.theirs is not None:
            same = f"{self.theirs[0]}: {self.theirs[1]:.0f}" if self.differs else self.theirs[0]
        total = "-" if self.ours is None else f"{self.ours:.0f}"
        return (self.path, self.encoding, self.opened, total, same)


def gdcm_sums(paths: Sequence[Path]) -> dict[str, float]:
    """Sum of all samples of each file that GDCM can read, by path."""
    found: dict[str, float] = {}
    left = [str(path) for path in paths]
    while left:
        done = subprocess.run(
            [sys.executable, "-c", _GDCM],
            input=json.dumps(left),
            capture_output=True,
            text=True,
            check=False,
        )
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
        found |= {path: value for path, value in lines if value != "began"}
        began = [path for path, value in lines if value == "began"]
        if done.returncode == 0 or not began:
            break
        left = left[left.index(began[-1]) + 1 :]  # this file ended GDCM: go on behind it
    return found


def dcmtk_sum(path: Path, header: FileHeader, frames: int, folder: Path) -> float | None:
    """Sum of samples as DCMTK decodes them to an uncompressed little-endian file."""
    syntax = header.transfer_syntax_uid
    if syntax.endswith((".4.80", ".4.81")):
        command = ["dcmdjpls"]
    elif ".1.2.4." in syntax:
        command = ["dcmdjpeg"]
    elif syntax.endswith(".1.2.5"):
        command = ["dcmdrle"]
    else:
        command = ["dcmconv", "+te"]
    if shutil.which(command[0]) is None:
        return None
    out = folder / "plain.dcm"
    out.unlink(missing_ok=True)
    subprocess.run([*command, str(path), str(out)], capture_output=True, check=False)
    if not out.exists():
        return None
    plain = pydicom.dcmread(out)
    if "PixelData" not in plain or plain.BitsAllocated % 8:
        return None
    kind = f"{'i' if plain.PixelRepresentation else 'u'}{plain.BitsAllocated // 8}"
    count = plain.Rows * plain.Columns * plain.SamplesPerPixel * frames
    size = count * plain.BitsAllocated // 8
    data = np.frombuffer(plain.PixelData[:size], "<" + kind)
    return float(data.astype(np.float64).sum()) if data.size == count else None


def dcmtk_colours(path: Path, header: FileHeader, frames: int, folder: Path) -> float | None:
    """Sum of RGB over all frames as DCMTK draws them, high bytes of deeper samples."""
    near = header.transfer_syntax_uid.endswith((".80", ".81"))
    tool = "dcml2pnm" if near else "dcmj2pnm"
    if shutil.which(tool) is None:
        return None
    total = 0.0
    for number in range(1, frames + 1):
        out = folder / "frame.png"
        out.unlink(missing_ok=True)
        arguments = [tool, "+on", "+F", str(number), str(path), str(out)]
        subprocess.run(arguments, capture_output=True, check=False)
        if not out.exists():
            return None
        total += float(np.asarray(Image.open(out).convert("RGB"), dtype=np.float64).sum())
    return total


def _described(header: FileHeader, path: Path) -> str:
    """What the workstation shows of a file by itself; every voxel of it is read."""
    instance = header.instance("0" * 64, path.stat().st_size)
    why = why_no_stack([instance])
    if why is not None:
        return f"{header.series.modality}: {why}"
    words = []
    for stack in build_stacks(header.study.study_uid, header.series, [instance]):
        for phase in range(stack.phases) if stack.phases < 4 else (0, stack.phases - 1):
            read_volume(stack, lambda _: path, phase)
        size = "x".join(str(n) for n in reversed(stack.grid.shape))
        times = f", {stack.phases} phases ({stack.phase_axis})" if stack.phases > 1 else ""
        colour = "colour" if stack.samples == 3 else stack.unit.strip("[]'").replace("hnsf'U", "HU")
        words.append(f"{stack.modality} {size}{times}, {colour}")
    return "; ".join(words)


def row_of(path: Path, name: str, gdcm: dict[str, float], folder: Path) -> Row:
    """Open one file as the workstation does and compare its samples."""
    try:
        header = read_header(path)
    except ReaderError as error:
        return Row(name, "-", f"refused: {error}", refused=True)
    encoding = encoding_name(header.transfer_syntax_uid)
    facts = header.attributes
    if not facts.get("pixels"):
        return Row(name, encoding, _described(header, path))
    stated = facts.get("NumberOfFrames", 1)
    frames = stated if isinstance(stated, int) and stated > 0 else 1
    try:
        opened = _described(header, path)
        arrays = [decode_frame(path, number) for number in range(frames)]
    except ReaderError as error:
        return Row(name, encoding, f"refused: {error}", refused=True)
    ours = sum(float(array.astype(np.float64).sum()) for array in arrays)
    photometric = str(facts.get("PhotometricInterpretation", ""))
    colour = arrays[0].ndim == 3
    jpeg = header.transfer_syntax_uid.removeprefix("1.2.840.10008.1.2.4.") in _BY_GDCM_HERE
    if colour and (photometric != "RGB" or jpeg or facts.get("BitsAllocated") != 8):
        shift = 8 * arrays[0].dtype.itemsize - 8
        high = sum(float((array >> shift).astype(np.float64).sum()) for array in arrays)
        theirs = dcmtk_colours(path, header, frames, folder)
        if theirs is not None:
            # Rounding of a colour conversion: half a grey value a sample at most.
            loose = 0.5 * sum(a.size for a in arrays) if photometric.startswith("YBR") else 0.0
            return Row(name, encoding, opened, high, ("DCMTK", theirs), loose)
    ask_gdcm = str(path) in gdcm and not (colour and photometric == "PALETTE COLOR")
    if not colour and (jpeg or not ask_gdcm):
        plain = dcmtk_sum(path, header, frames, folder)
        if plain is not None:
            return Row(name, encoding, opened, ours, ("DCMTK", plain))
    if ask_gdcm:
        return Row(name, encoding, opened, ours, ("GDCM", gdcm[str(path)]))
    return Row(name, encoding, opened, ours)


def rows(root: Path) -> list[Row]:
    """A row for every file below ``root``, by name."""
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    gdcm = gdcm_sums(paths)
    with tempfile.TemporaryDirectory(prefix="onescan-files-") as folder:
        return [row_of(p, p.relative_to(root).as_posix(), gdcm, Path(folder)) for p in paths]


def totals(found: Sequence[Row]) -> str:
    """What came of all files, in one paragraph."""
    opened = [row for row in found if not row.refused]
    compared = Counter(row.theirs[0] for row in found if row.theirs is not None)
    asked = ", ".join(f"{count} by {name}" for name, count in sorted(compared.items()))
    pixels = sum(row.ours is not None for row in found)
    return (
        f"{len(found)} files: {len(opened)} opened, {len(found) - len(opened)} refused with a "
        f"reason. {pixels} hold pixels; {asked}: {sum(row.differs for row in found)} differ."
    )


def main() -> int:
    """Print the table of the folder given; 1 where a decoder disagrees."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path)
    found = rows(asked.parse_args().folder)
    lines: list[tuple[str, ...]] = [HEADS, ("---",) * len(HEADS), *(row.cells for row in found)]
    for line in lines:
        sys.stdout.write("| " + " | ".join(c.replace("|", "/") for c in line) + " |\n")
    sys.stdout.write(f"\n{totals(found)}\n")
    return int(any(row.differs for row in found))


if __name__ == "__main__":
    sys.exit(main())
