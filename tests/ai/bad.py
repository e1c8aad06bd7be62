"""Packages that must be refused, each a real file made from one sound, signed package.

``BAD`` names each with how it is made and a part of the sentence that must be said about it. All
but those about signatures carry a valid signature by a key that the site trusts: what is refused
is refused for what it is.
"""

from __future__ import annotations

import io
import json
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from onnx import TensorProto, helper, numpy_helper

from tests.ai.packages import MAKER, OPSET, identity, manifest, network, serialised, write_package
from workstation.ai.bundle import write_bundle
from workstation.ai.keys import SiteKey
from workstation.ai.trust import sign_package, signature_of

NAME = "tiny-1.0.0"
STRANGER = SiteKey("Somebody else", Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))

Make = Callable[[Path], Path]


def spot() -> np.ndarray[Any, Any]:
    """A box of 12 voxels in an image of 4 x 6 x 8."""
    mask = np.zeros((4, 6, 8), dtype=bool)
    mask[1:3, 2:4, 2:5] = True
    return mask


def sound(folder: Path, model: Any = None, **changes: Any) -> Path:
    """A folder with a complete package whose example comes out, signed by ``MAKER``."""
    place = write_package(folder, identity() if model is None else model, **changes)
    example = place / "example"
    example.mkdir(exist_ok=True)
    np.savez_compressed(
        example / "input.npz", image=spot().astype(np.float32), affine=np.diag([2, 2, 5, 1.0])
    )
    np.savez_compressed(example / "expected.npz", spot=spot())
    said = {"min_dice": 0.99, "volume_ml": 0.01}
    (example / "tolerance.json").write_text(json.dumps(said), encoding="utf-8")
    sign_package(place, MAKER)
    return place


def bundle(place: Path, name: str = NAME) -> Path:
    """The package as one file beside its folder."""
    return write_bundle(place, place.parent, name)


def changed(change: Callable[[Path], object], model: Any = None, **changes: Any) -> Make:
    """A package whose files were changed before it was signed and packed."""

    def make(folder: Path) -> Path:
        place = sound(folder, model, **changes)
        change(place)
        sign_package(place, MAKER)
        return bundle(place)

    return make


def unchanged(place: Path) -> None:
    """Nothing more."""


def after(change: Callable[[Path], object]) -> Make:
    """A package whose files were changed after it was signed."""

    def make(folder: Path) -> Path:
        place = sound(folder)
        change(place)
        return bundle(place)

    return make


def in_folder(change: Callable[[Path], object]) -> Make:
    """A folder, not a ZIP file, changed after it was signed."""

    def make(folder: Path) -> Path:
        place = sound(folder)
        change(place)
        return place

    return make


def flip(file: Path) -> None:
    """Another last byte."""
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


def append(file: Path) -> None:
    """A byte more."""
    file.write_bytes(file.read_bytes() + b" ")


# --- archives


def packed(add: Callable[[zipfile.ZipFile], object]) -> Make:
    """A sound package's file with further entries."""

    def make(folder: Path) -> Path:
        path = bundle(sound(folder))
        with zipfile.ZipFile(path, "a") as archive:
            add(archive)
        return path

    return make


def entry(name: str, data: bytes = b"x", mode: int = stat.S_IFREG | 0o644) -> Make:
    """A further entry of any name and kind."""

    def add(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo("placeholder")
        info.filename = name  # the constructor would repair it
        info.create_system, info.external_attr = 3, mode << 16
        archive.writestr(info, data)

    return packed(add)


def patched(change: Callable[[bytearray, int], object], last: bool = True) -> Make:
    """A sound package's file whose central directory was changed by hand, at its last entry."""

    def make(folder: Path) -> Path:
        path = bundle(sound(folder))
        data = bytearray(path.read_bytes())
        at = data.rfind(b"PK\x01\x02") if last else data.find(b"PK\x01\x02")
        change(data, at)
        path.write_bytes(data)
        return path

    return make


def put(offset: int, layout: str, value: int) -> Callable[[bytearray, int], object]:
    """Write a number into a central directory entry (APPNOTE 4.3.12)."""
    return lambda data, at: struct.pack_into(layout, data, at + offset, value)


def with_nul(data: bytearray, at: int) -> None:
    """The last entry's name ends early: what comes after NUL is another ending."""
    length = struct.unpack_from("<H", data, at + 28)[0]
    data[at + 46 + length - 4] = 0


def huge(archive: zipfile.ZipFile) -> None:
    """64 MB of zeros in 64 kB."""
    archive.writestr("zeros.txt", b"\0" * (64 << 20), zipfile.ZIP_DEFLATED)


def many(archive: zipfile.ZipFile) -> None:
    """More entries than any package has."""
    for number in range(600):
        archive.writestr(f"note{number}.txt", b"")


def twice(archive: zipfile.ZipFile) -> None:
    """The card once more."""
    archive.writestr("card.md", b"# another")


def shorter(keep: int) -> Make:
    """A file that a transfer cut off."""

    def make(folder: Path) -> Path:
        path = bundle(sound(folder))
        path.write_bytes(path.read_bytes()[:keep])
        return path

    return make


def in_front(folder: Path) -> Path:
    """A program with a package behind it."""
    path = bundle(sound(folder))
    path.write_bytes(b"MZ" + b"\0" * 510 + path.read_bytes())
    return path


def renamed(name: str) -> Make:
    """A sound package under another name."""

    def make(folder: Path) -> Path:
        path = bundle(sound(folder))
        return path.rename(path.with_name(name))

    return make


# --- networks


def tensor(name: str, shape: list[int | str | None], kind: int = TensorProto.FLOAT) -> Any:
    """An input or output."""
    return helper.make_tensor_value_info(name, kind, shape)


def graph(nodes: list[Any], given: Any, gives: Any, **more: Any) -> Any:
    """A network of one input and one output."""
    return helper.make_model(
        helper.make_graph(nodes, "g", [given], [gives], more.pop("initializer", [])),
        opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9, **more,
    )  # fmt: skip


FREE: list[int | str | None] = [None] * 5


def plain(given: Any, gives: Any) -> Any:
    """The identity between two tensors."""
    return graph([helper.make_node("Identity", [given.name], [gives.name])], given, gives)


def swollen() -> bytes:
    """Weights of four bytes that claim to be a million million values."""
    model = network([helper.make_node("Mul", ["image", "w"], ["out"])], {"w": np.float32(1.0)})
    model.graph.initializer[0].dims[:] = [1 << 20, 1 << 20]
    return serialised(model)


def functions(deep: int, width: int) -> bytes:
    """Functions that call one another: ``width ** deep`` operators in a few kilobytes."""
    made = []
    for level in range(deep):
        call = ("Identity", "") if level == 0 else (f"f{level - 1}", "local")
        nodes = [
            helper.make_node(call[0], [f"v{n}"], [f"v{n + 1}"], domain=call[1])
            for n in range(width)
        ]
        imports = [helper.make_opsetid("", OPSET), helper.make_opsetid("local", 1)]
        made.append(
            helper.make_function("local", f"f{level}", ["v0"], [f"v{width}"], nodes, imports)
        )
    top = helper.make_node(f"f{deep - 1}", ["image"], ["out"], domain="local")
    model = graph([top], tensor("image", FREE), tensor("out", FREE), functions=made)
    model.opset_import.append(helper.make_opsetid("local", 1))
    return serialised(model)


def nested(deep: int) -> bytes:
    """Branches within branches."""
    body = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.zeros(1)))],
        "inner", [], [helper.make_tensor_value_info("c", 1, [1])],
    )  # fmt: skip
    for level in range(deep):
        node = helper.make_node("If", ["yes"], [f"o{level}"], then_branch=body, else_branch=body)
        body = helper.make_graph(
            [node], f"g{level}", [], [helper.make_tensor_value_info(f"o{level}", 1, [1])]
        )
    model = network([helper.make_node("Identity", ["image"], ["out"])], {"yes": np.array(True)})
    model.graph.node.extend(body.node)
    return serialised(model)


def external() -> bytes:
    """Weights in another file, outside the package."""
    model = network(
        [helper.make_node("Mul", ["image", "w"], ["out"])], {"w": np.ones(4, dtype=np.float32)}
    )
    weights = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(weights, "../../secret.bin")
    weights.ClearField("raw_data")
    return serialised(model)


# --- manifests and examples


def io_of(**changes: Any) -> dict[str, Any]:
    """The manifest's ``io`` with changes."""
    return {**manifest()["io"], **changes}


def said(text: str) -> Callable[[Path], object]:
    """Another text in place of the manifest."""
    return lambda place: (place / "manifest.json").write_text(text, encoding="utf-8")


def expected(**arrays: Any) -> Callable[[Path], object]:
    """Another expected output."""
    return lambda place: np.savez_compressed(place / "example" / "expected.npz", **arrays)


def pickled(place: Path) -> None:
    """An expected output that is a pickle."""
    np.savez(place / "example" / "expected.npz", spot=np.array([print], dtype=object))


def header_bomb(place: Path) -> None:
    """An array that says it is of 10 TB."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (1 << 20, 1 << 20, 3)}
    )
    with zipfile.ZipFile(place / "example" / "input.npz", "w") as archive:
        archive.writestr("image.npy", header.getvalue())
        archive.writestr("affine.npy", header.getvalue())


def tolerance(**values: Any) -> Callable[[Path], object]:
    """Another tolerance."""
    return lambda place: (place / "example" / "tolerance.json").write_text(json.dumps(values))


def linked(place: Path) -> None:
    """The card is a link to a file of the computer."""
    (place / "card.md").unlink()
    (place / "card.md").symlink_to("/etc/hostname")


def write(name: str, data: bytes = b"import os\n") -> Callable[[Path], object]:
    """A further file."""

    def act(place: Path) -> None:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)

    return act


def listed_code(folder: Path) -> Path:
    """Code that its maker listed and signed."""
    place = sound(folder)
    write("helper.py")(place)
    from workstation.ai.sums import SIGNATURE, SUMS, sha256_of

    with (place / SUMS).open("a", encoding="utf-8", newline="\n") as file:
        file.write(f"{sha256_of(place / 'helper.py')}  helper.py\n")
    (place / SIGNATURE).write_bytes(signature_of((place / SUMS).read_bytes(), MAKER))
    path = bundle(place)
    with zipfile.ZipFile(path, "a") as archive:
        archive.write(place / "helper.py", "helper.py")
    return path


# --- signatures


def unsigned(folder: Path) -> Path:
    """Nobody signed it."""
    place = sound(folder)
    (place / "SIGNATURE").unlink()
    return bundle(place)


def by_stranger(folder: Path) -> Path:
    """Signed by a key that the site does not know."""
    place = sound(folder)
    sign_package(place, STRANGER)
    return bundle(place)


def foreign(folder: Path) -> Path:
    """The signature of another package of the same maker."""
    place = sound(folder)
    other = sound(folder / "other", version="2.0.0")
    (place / "SIGNATURE").write_bytes((other / "SIGNATURE").read_bytes())
    return bundle(place)


def signature_says(**changes: Any) -> Make:
    """A signature some of whose words were changed."""

    def change(place: Path) -> None:
        said = json.loads((place / "SIGNATURE").read_text(encoding="utf-8"))
        (place / "SIGNATURE").write_text(json.dumps({**said, **changes}), encoding="utf-8")

    return after(change)


def resummed(place: Path) -> None:
    """A card that was changed, and the list of hashes with it, but not the signature."""
    from workstation.ai.sums import write_sums

    append(place / "card.md")
    write_sums(place)


LINK = stat.S_IFLNK | 0o777
BIG = put(24, "<I", 3_000_000_000)

BAD: dict[str, tuple[Make, str]] = {
    # altered
    "network altered": (after(lambda p: flip(p / "model.onnx")), "model.onnx was altered"),
    "card altered": (after(lambda p: append(p / "card.md")), "card.md was altered"),
    "card and sums altered": (after(resummed), "SIGNATURE does not fit SHA256SUMS"),
    "file missing": (after(lambda p: (p / "LICENSE").unlink()), "LICENSE is missing"),
    "file added": (packed(lambda z: z.writestr("more.txt", b"1")), "more.txt is not listed"),
    # truncated
    "ZIP cut in half": (shorter(700), "is not a whole ZIP file"),
    "ZIP without its end": (shorter(-30), "is not a whole ZIP file"),
    "network cut short": (
        changed(unchanged, serialised(identity())[:-9]), "model.onnx is not a readable ONNX network"
    ),
    "empty network": (changed(unchanged, b""), "model.onnx is not a readable ONNX network"),
    # mislabelled
    "called another version": (renamed("tiny-2.0.0.onescan.zip"), "not what the file is called"),
    "folder called otherwise": (
        lambda f: sound(f).rename(f / "other"), "manifest.json names another model, tiny"
    ),
    "label beyond the output": (
        changed(unchanged, plain(tensor("image", FREE), tensor("out", [None, 1, None, None, None])),
                labels=[manifest()["labels"][0] | {"index": 3}]),
        "model.onnx gives 1 channels",
    ),
    "label that does not come out": (
        changed(expected(spot=np.roll(spot(), 2, axis=2))), "label spot does not come out"
    ),
    "example of another label": (changed(expected(lesion=spot())), "example/expected.npz holds"),
    "example of nothing": (changed(expected(spot=spot() & False)), "expects nothing at all"),
    "anything passes": (
        changed(tolerance(min_dice=0.0, volume_ml=1e9)), "tolerance.json cannot be used (min_dice"
    ),
    # oversized
    "entry of 3 GB": (patched(BIG), "is larger than 2048 MB"),
    "zip bomb": (packed(huge), "zeros.txt grows more than 200 times"),
    "entry larger than it says": (patched(put(24, "<I", 3), last=False), "is damaged"),
    "entries over one another": (patched(put(42, "<I", 10)), "lies over another one"),
    "600 entries": (packed(many), "has more than 512 entries"),
    "array of 10 TB": (changed(header_bomb), "is not what its header says"),
    "weights of 4 TB in 4 bytes": (changed(unchanged, swollen()), "weights w claim 1099511627776"),
    "functions of 10^12 operators": (
        changed(unchanged, functions(12, 10)), "operators; at most 50000"
    ),
    "branches 8 deep": (changed(unchanged, nested(8)), "nests loops and branches 8 deep"),
    # code
    "code, listed and signed": (listed_code, "helper.py is program code"),
    "code in a folder": (in_folder(write("train.py")), "train.py is program code"),
    "byte code": (in_folder(write("__pycache__/a.pyc")), "__pycache__/a.pyc is program code"),
    "library": (packed(lambda z: z.writestr("op.so", b"\x7fELF")), "op.so is program code"),
    "pickled weights": (packed(lambda z: z.writestr("w.pt", b"1")), "w.pt is program code"),
    "program called a picture": (
        changed(write("example/overview.png", b"MZ\x90\0")), "example/overview.png is program code"
    ),
    "script without ending": (
        packed(lambda z: z.writestr("run", b"#!/bin/sh")), "run is of a kind"
    ),
    "pickle in an array": (changed(pickled), "spot.npy holds Python objects"),
    "program in front of the ZIP": (in_front, "is not a whole ZIP file"),
    # wrong network
    "wrong opset": (
        changed(unchanged, network([helper.make_node("Identity", ["image"], ["out"])], opset=13)),
        "model.onnx has opset 13, manifest.json says 17",
    ),
    "weights in another file": (
        changed(unchanged, external()), "keeps weights in another file, ../../secret.bin"
    ),
    "foreign operator": (
        changed(unchanged, network([helper.make_node("Do", ["image"], ["out"], domain="evil")])),
        "operators that are not standard (evil Do)",
    ),
    "other tensor name": (
        changed(unchanged, io=io_of(input="picture")), "has no tensor named picture"
    ),
    "other type": (
        changed(unchanged, plain(tensor("image", FREE, TensorProto.DOUBLE),
                                 tensor("out", FREE, TensorProto.DOUBLE))),
        "tensor image is float64; by manifest.json it is float32",
    ),
    "other shape": (
        changed(unchanged, plain(tensor("image", [1, 2, 8, 8, 8]), tensor("out", FREE))),
        "tensor image is 1 x 2 x 8 x 8 x 8; by manifest.json it is 1 x 1 x 8 x 8 x 8",
    ),
    # paths
    "path upwards": (entry("../evil.txt"), "../evil.txt leads outside the package"),
    "path upwards inside": (entry("example/../../evil.txt"), "leads outside the package"),
    "absolute path": (entry("/tmp/evil.txt"), "/tmp/evil.txt is an absolute path"),
    "drive letter": (entry("C:/evil.txt"), "C:/evil.txt is an absolute path"),
    "backslashes": (entry("..\\evil.txt"), "has a backslash in its name"),
    "NUL in a name": (patched(with_nul), "has control characters in its name"),
    "device name": (entry("example/con.txt"), "example/con.txt is a device name on Windows"),
    "stream of a file": (entry("card.md:evil.txt"), "has a name that a package may not use"),
    "link in the ZIP": (entry("notes.md", b"/etc/passwd", LINK), "notes.md is a link, not a file"),
    "pipe in the ZIP": (entry("notes.md", mode=stat.S_IFIFO | 0o644), "is not a plain file"),
    "link in a folder": (in_folder(linked), "card.md is a link, not a file"),
    "name twice": (packed(twice), "card.md is there twice"),
    "names that differ in capitals": (entry("Card.md"), "differs from another only in capital"),
    "file below a file": (entry("card.md/evil.txt"), "card.md/evil.txt lies inside what is a file"),
    "encrypted entry": (patched(put(8, "<H", 1)), "is encrypted"),
    "unusual compression": (patched(put(10, "<H", 14)), "is compressed in an unusual way"),
    # signatures
    "unsigned": (unsigned, "SIGNATURE is missing: nobody vouches"),
    "unknown key": (by_stranger, "SIGNATURE is by a key that this site does not trust"),
    "signature of another package": (foreign, "SIGNATURE does not fit SHA256SUMS"),
    "signer's name changed": (signature_says(name="Hospital"), "SIGNATURE does not fit SHA256SUMS"),
    "signature of another kind": (signature_says(algorithm="none"), "SIGNATURE cannot be used"),
    "signature of wrong types": (signature_says(signature=7), "SIGNATURE cannot be used"),
    "signature too large": (signature_says(name="x" * 90_000), "SIGNATURE cannot be used"),
    # manifests
    "number as text": (
        changed(unchanged, io=io_of(opset="17")), "manifest.json cannot be used (io.opset"
    ),
    "unknown field": (changed(unchanged, run="os.system"), "manifest.json cannot be used (run"),
    "no JSON": (changed(said("{")), "manifest.json cannot be used"),
    "nested 100 000 deep": (changed(said("[" * 100_000)), "manifest.json cannot be used"),
    "manifest of 2 MB": (changed(said(" " * (2 << 20) + "{}")), "manifest.json cannot be used"),
    "for a later program": (changed(unchanged, min_app="99.0.0"), "needs version 99.0.0"),
    "card in one language": (
        changed(lambda p: (p / "card.md").write_text("# Card\n\n## English\n\nHere.\n")),
        "card.md has no section headed 中文",
    ),
    "no example": (
        changed(lambda p: (p / "example" / "input.npz").unlink()), "example/input.npz is missing"
    ),
}  # fmt: skip
