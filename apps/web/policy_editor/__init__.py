"""A policy edited on a page: a form for each gate and the text beside it, two sides of one document."""
