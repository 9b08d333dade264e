"""Fairness checks: how outcomes and errors differ between groups of people."""
