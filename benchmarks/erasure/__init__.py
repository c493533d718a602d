"""Erasure in an archive of a million faces: how long it takes, and what is left."""
