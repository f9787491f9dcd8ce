"""`plinth diff`: what a pull request would do, with no credentials.

The base commit is rehearsed; the other one is previewed on top of what that left. Both run with their own code.
"""
