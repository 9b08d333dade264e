"""Countersign from Python: `countersign.client` asks a server what this program's commands ask."""
