"""What stands outside the service and vouches for the log: witnesses, time stamps, copies elsewhere."""
