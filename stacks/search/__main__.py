"""What the search team adds to the platform: model routes of its own, and collections of vectors."""

import pulumi

from plinth.team.stack import team_stack

team = team_stack()
routes = [team.model_route(route) for route in team.spec.routes]
collections = [team.vector_collection(collection) for collection in team.spec.collections]

pulumi.export("gateway_url", team.platform.get(lambda contract: contract.gateway.url))
pulumi.export("models", [route.model for route in routes])
pulumi.export("tables", [collection.table for collection in collections])
