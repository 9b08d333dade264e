"""The embedded PostgreSQL and Valkey, and the supervisor that holds one installation's processes together."""
