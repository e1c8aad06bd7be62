"""Qt panels: one file a panel; the window only lays them out."""

# PySide6 hooks imports and asks `inspect` for the source of every module that comes after it.
# pydantic fills itself lazily and does not survive being looked at half-way, so it goes first.
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

__all__ = ["BaseModel", "ConfigDict", "Field", "TypeAdapter", "model_validator"]
