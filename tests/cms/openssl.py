"""The openssl command line as the second opinion on every message."""

from tests.programs import OpenSSL
from tests.programs import openssl_in as start

__all__ = ["OpenSSL", "start"]
