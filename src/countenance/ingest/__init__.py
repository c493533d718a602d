"""From bytes to pixels: sources, decoding in a confined process, metadata."""
