"""From pixels to files that are safe to hand out."""
