"""`plinth up | status | logs | down local`: the platform on this machine."""
