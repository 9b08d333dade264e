"""Verifies auditor packs of Countersign: standard library and cryptography only."""

VERSION = "1.0.0"
