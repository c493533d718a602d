"""Packs, converters, detectors, alignment."""
