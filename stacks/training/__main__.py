"""What the search team trains: jobs that line up in its queue."""

import pulumi

from plinth.team.stack import team_stack

team = team_stack()
jobs = [team.training_job(job) for job in team.spec.jobs]

pulumi.export("runs", [job.run for job in jobs])
pulumi.export("checkpoints", [job.checkpoints for job in jobs])
