"""The check functions, one file or folder a family."""
