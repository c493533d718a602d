"""The runners and what they carry."""
