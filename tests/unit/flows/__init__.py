"""One story per file: ingest, enrol, rescan, find, review."""
