"""What the house asks of services outside: addresses checked first, answers bounded. No Django, no rows."""
