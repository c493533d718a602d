"""Comparison: the exact index and the gallery."""
