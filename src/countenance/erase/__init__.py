"""Removing a person from every store, looking for remains in raw bytes, and saying so in a receipt."""
