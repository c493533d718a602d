"""The only place that speaks SQL, and the keys that live beside it."""
