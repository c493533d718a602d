"""Tests of the store: tables, rules, rows and keys."""
