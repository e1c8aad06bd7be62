"""What one model run may use, and the ways in which it can end badly."""

from __future__ import annotations

import os
from dataclasses import dataclass

from workstation.ai.manifest import Manifest
from workstation.domain.errors import BadInput, Param, ReaderError


@dataclass(frozen=True)
class Limits:
    """memory_mb: resident memory of the child process. threads 0: cores minus one."""

    memory_mb: int = 4096
    timeout_s: float = 900.0
    threads: int = 0

    def within(self, manifest: Manifest) -> Limits:
        """The stricter of these limits and the package's own, with the threads counted out."""
        return Limits(
            min(self.memory_mb, manifest.infer.max_ram_mb),
            min(self.timeout_s, float(manifest.infer.timeout_s)),
            self.threads or max(1, (os.cpu_count() or 2) - 1),
        )


class Unsuitable(BadInput):
    """The image is not what the model was made for: a property of the image, found again by any
    later run, unlike a crash or a limit."""


class ModelStopped(ReaderError):
    """The run was ended by a limit, a crash or a damaged network; the window lives on.

    diagnosis: last lines that the child wrote to its error output, for the log.
    """

    def __init__(self, template: str, *, diagnosis: tuple[str, ...] = (), **params: Param) -> None:
        super().__init__(template, **params)
        self.diagnosis = diagnosis
