"""From pixels to templates: packs, detection, alignment, quality, embedding."""
