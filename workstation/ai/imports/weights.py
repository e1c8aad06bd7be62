"""Weights as tensors alone: a checkpoint is unpickled by torch's closed list, nothing runs."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workstation.ai.imports.refusals import library
from workstation.domain.errors import N_, BadInput

_PREFIXES = ("module.", "_orig_mod.")  # of DataParallel and torch.compile


def _is_torchscript(path: Path) -> bool:
    if path.suffix == ".ts":
        return True
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in f"/{name}" for name in archive.namelist())


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a checkpoint holds: tensors, numbers, texts and containers of them.

    Raises ``BadInput`` where the file is missing, is TorchScript (a program, not weights), or
    could be read only by executing what it names.
    """
    if not path.is_file():
        raise BadInput(N_("There is no file {path}."), path=str(path))
    if _is_torchscript(path):
        raise BadInput(
            N_("{file} is TorchScript, a program of its own: loading it would execute code of the "
               "bundle. Give the weights (model.pt as a state dict)."), file=path.name,
        )  # fmt: skip
    torch, numpy = library("torch"), library("numpy")
    scalar = numpy._core.multiarray.scalar
    # Plain numbers that nnU-Net logs: each is built from a type name and bytes, no code is named.
    harmless = [
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
        numpy.dtype,
        *(type(numpy.dtype(kind)) for kind in ("f4", "f8", "i4", "i8", "?")),
    ]
    try:
        with torch.serialization.safe_globals(harmless):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise BadInput(
            N_("{file} cannot be read as weights alone; what else is in it is not executed "
               "({why})."), file=path.name, why=_why(error),
        ) from error  # fmt: skip
    if not isinstance(found, dict):
        raise BadInput(N_("{file} holds no named weights."), file=path.name)
    return found


def _why(error: BaseException) -> str:
    """Which global the pickle names, or the first line of torch's message."""
    text = str(error)
    for line in text.replace("WeightsUnpickler error: ", "\n").splitlines():
        if "Unsupported global" in line or "Trying to load unsupported" in line:
            return line.strip()[:160]
    return (text.splitlines() or [type(error).__name__])[0].strip()[:160]


def as_state(found: Mapping[str, Any], file: str) -> dict[str, Any]:
    """A state dict without the prefixes of wrappers. Raises ``BadInput`` where it is none."""
    torch = library("torch")
    state: dict[str, Any] = {}
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise BadInput(N_("{file} holds no named weights."), file=file)
        for prefix in _PREFIXES:
            name = name.removeprefix(prefix)
        state[name] = value
    return state


def fill(network: Any, state: Mapping[str, Any], file: str, where: str) -> Any:
    """``network`` with every weight from ``state``, none missing, none left over."""
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:] if line.strip()]
        raise BadInput(
            N_("The weights in {file} do not fit the network that {where} describes ({why})."),
            file=file, where=where, why=(lines or [str(error)])[0][:160],
        ) from error  # fmt: skip
    return network.float().eval()
