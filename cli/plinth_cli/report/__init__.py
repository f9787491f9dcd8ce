"""What reviewers read: a report of one run, a pure function of what the engine said.

`build.report` makes it from a `Result`; `markdown` and `html` write it down.
"""
