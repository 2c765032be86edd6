"""Settings: parsed once, validated whole. Every name starts with SCEPTER_ except those that Azure itself defines.

Most files here are a group of settings by subject; `settings` is all of them, and `loading` reads an environment,
which only shared/wiring does. docs/settings.md explains each setting; local.settings.sample.json has a value that
runs locally for each.
"""

from shared.config.loading import in_azure, load
from shared.config.settings import AzureSettings, Settings

__all__ = ["AzureSettings", "Settings", "in_azure", "load"]
