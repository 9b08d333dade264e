"""The engine's version: part of every measurement's origin."""

ENGINE_VERSION = "0.1.0"
