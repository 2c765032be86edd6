"""The composition root: settings to keys, stores and services; once per worker, each part when it is first needed.

`stores` is what outlives a call, `authority` the CA over it, `enrolling`, `revoking` and `events` what is done with a
CA, `pfx` what is made and delivered, `imported` what is done with PFX files of others, `operations` how it all is, and
`worker` the whole; `ceremony` is for the commands that hold one. mypy proves here that every adapter fits its port.
Triggers import from this page only.
"""

from shared.wiring.worker import Application, application, close, use, utc_now

__all__ = ["Application", "application", "close", "use", "utc_now"]
