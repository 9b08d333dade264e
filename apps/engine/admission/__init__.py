"""Admission: the facts it looks at, and one rule a file or two."""
