"""One story per file, top to bottom."""
