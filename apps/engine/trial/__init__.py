"""Trying a policy before it bites: the world of a case, and mutants that a case should notice."""
