"""What pipelines, registries and clusters call by themselves, each in its own manner."""
