"""Drawn people: pictures of persons who do not exist."""
