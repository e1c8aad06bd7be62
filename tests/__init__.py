"""Tests. pydantic must be whole before PySide6 hooks imports: see workstation.ui."""

import workstation.ui  # noqa: F401
