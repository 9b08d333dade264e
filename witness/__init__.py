"""A witness of transparency logs, by C2SP tlog-witness: standard library and cryptography, nothing of ours.

It remembers the newest checkpoint of each log that it knows, and cosigns a newer one only after it was
shown that the newer one continues it. Run it where those who run the log have no rights.
"""
