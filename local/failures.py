"""Why the embedded host, or the storage under it, could not start or go on: one exit code for each reason."""


class HostError(Exception):
    """Root of what ends the host on its own account; the text is what the person at the terminal reads."""

    exit_code = 1


class PortTaken(HostError):
    exit_code = 3  # a port that was asked for by number is in use


class NodeMissing(HostError):
    exit_code = 4  # Azurite runs on Node.js, and no `node` is on the PATH


class AzuriteMissing(HostError):
    exit_code = 5  # Node.js is there, but the package is not installed


class AzuriteDied(HostError):
    exit_code = 6  # Azurite stopped by itself: at start, or under a running host


class AppRefused(HostError):
    exit_code = 7  # function_app.py, host.json or a setting cannot be used, or the real host would refuse it


class StorageUnreachable(HostError):
    exit_code = 8  # the storage that a setting or the command line names does not answer
