"""Countenance: a face index that only knows the people who said yes."""

__version__ = "0.1.0"
