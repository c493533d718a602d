"""Tests of countenance.ingest."""
