"""What the running service tells of itself, for monitors and for whoever looks after it."""
