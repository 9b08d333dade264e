"""A release to come: migrations of every kind that is allowed beside one that serves."""
