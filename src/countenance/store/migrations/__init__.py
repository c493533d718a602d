"""Numbered schema changes, applied in order, never edited after release."""
