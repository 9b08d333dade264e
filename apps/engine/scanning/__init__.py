"""The parts of `apps.engine.scan`: each looks at one kind of content and never runs any of it."""
