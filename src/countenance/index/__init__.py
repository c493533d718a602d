"""From templates to candidates: exact comparison and the gallery of enrolled people."""
