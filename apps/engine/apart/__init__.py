"""A model file in a process of its own: features go in, scores come out, and nothing else does.

The process that holds the model has the artifact and no data file; it never sees a label, a protected
attribute or a result. What it answers is numbers of an expected count, or a sentence.
"""
