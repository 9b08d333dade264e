"""Places for bytes by digest: a folder of this machine, or a bucket of an object storage."""
