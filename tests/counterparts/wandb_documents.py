"""Prints the GraphQL documents that the official SDK was generated with, by name, as JSON."""

import json

from wandb.apis._generated import operations as api
from wandb.sdk.artifacts._generated import operations as artifacts

print(json.dumps({name: getattr(module, name) for module in (api, artifacts) for name in module.__all__}))
