"""Rates, intervals, trials and reports."""
