"""OneScan: a desktop reading workstation for radiologists. See CONTRIBUTING.md for the house."""

__version__ = "0.1.0"
