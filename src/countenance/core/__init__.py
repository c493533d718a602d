"""Nouns and rules: standard library and numpy only; no files, no clock, no chance."""
