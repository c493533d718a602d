"""Measurements: every figure that README or an ADR prints comes from here."""
