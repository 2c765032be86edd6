"""Known secrets in every form they could be found in, and a search for them."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.pfx.mail import Key


def forms_of_password(password: str) -> Iterator[bytes]:
    """As text in the encodings of files, queues and Windows, and in what JSON and tables make of them."""
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        raw = password.encode(encoding)
        yield raw
        yield raw.hex().encode()
        yield repr(raw)[2:-1].encode()
        for start in range(3):  # base64 of anything that contains it, wherever it begins
            yield b64encode(b"\0" * start + raw)[4:-4]
    yield password.encode("unicode_escape")
    yield json.dumps(password)[1:-1].encode()


def forms_of_key(key: Key) -> Iterator[bytes]:
    """Its secret number, raw, and a middle piece of its PKCS #8 in base64."""
    numbers = key.private_numbers()
    secret = numbers.d if isinstance(numbers, rsa.RSAPrivateNumbers) else numbers.private_value
    raw = secret.to_bytes((secret.bit_length() + 7) // 8, "big")[:24]
    yield raw
    yield raw.hex().encode()
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    at = der.index(raw)
    for start in range(3):
        yield b64encode(der[at + start : at + 24])[4:-4]
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).splitlines()
    yield pem[len(pem) // 2]
    yield urlsafe_b64encode(raw)[:-4]


def found_in(places: Mapping[str, bytes], forms: Iterable[bytes]) -> list[str]:
    """The places where any form is."""
    wanted = list(forms)
    assert all(len(form) >= 8 for form in wanted)
    return [name for name, data in places.items() if any(form in data for form in wanted)]
