"""The function app: the blueprints and nothing else. No logic, no settings."""

import azure.functions as func

from functions import challenges, management, pki, scep, timers

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
for blueprint in (
    scep.blueprint,
    challenges.blueprint,
    pki.blueprint,
    management.blueprint,
    timers.blueprint,
):
    app.register_functions(blueprint)
