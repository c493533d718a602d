"""Tests of the drawn people."""
