"""The wiring of the service: settings, addresses, processes. Imported by nobody."""
