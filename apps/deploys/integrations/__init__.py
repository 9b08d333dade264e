"""How pipelines, registries and clusters ask and are told. Nothing here decides, and nothing here writes."""
