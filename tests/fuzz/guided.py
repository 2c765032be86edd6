"""Coverage-guided fuzzing of the codec by atheris: the reader of ASN.1, and those of CMS and X.509 above it.

`make fuzz-guided` runs it in an environment of its own. The first octet of an input chooses the reader. Mutations are
libFuzzer's, and every other time one that keeps the structure.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import NoReturn

import atheris

with atheris.instrument_imports(
    include=["shared.asn1", "shared.cms", "shared.keys", "shared.scep", "shared.x509"]
):
    from shared.asn1.normalise import normalise
    from shared.asn1.reader import Element, read, read_der
    from shared.cms.enveloped import EnvelopedMessage
    from shared.cms.signed import SignedMessage
    from shared.cms.signing import parse_degenerate
    from shared.scep.message import PKIMessage
    from shared.x509.certificate import Certificate
    from shared.x509.general_names import build_general_names, parse_general_names
    from shared.x509.names import Name
    from shared.x509.public_key import load_public_key
    from shared.x509.request import CertificateRequest, _parse_info
    from shared.x509.request_attributes import RequestAttributes

from cryptography.hazmat.primitives.asymmetric import rsa

from shared.asn1 import tags
from shared.errors import RequestError
from tests.cms import vectors
from tests.cms.mutation import mutate, rearrange
from tests.fuzz.mutation import mutated, mutated_inside
from tests.x509.csr_oddities import ODDITIES

LAZY = (
    *("sans", "key_usage", "extended_key_usage", "basic_constraints"),
    *("subject_key_identifier", "authority_key_identifier", "public_key"),
)
CERTIFICATE, _ = vectors.recipient()


class CheapKey(rsa.RSAPrivateKey):
    """Opens whatever is wrapped at once: the key is what stands there."""

    key_size = 2048

    def decrypt(self, ciphertext: bytes, padding: object) -> bytes:
        return ciphertext[:32]

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise NotImplementedError

    public_key = sign = private_bytes = private_numbers = __copy__ = __deepcopy__ = _refuse


def encoding(data: bytes) -> None:
    """What is read is in definite lengths, and well-formed down to where nobody can read on."""
    element = read(data)
    if normalise(element.encoded) is not element.encoded:
        raise AssertionError("what was normalised is not normal")
    _walk(element)


def _walk(element: Element) -> None:
    if read_der(element.encoded) != element:
        raise AssertionError("an element that reads otherwise alone")
    with suppress(RequestError):
        for child in element.children() if element.tag & tags.CONSTRUCTED else ():
            _walk(child)


def signed(data: bytes) -> None:
    with suppress(RequestError):
        parse_degenerate(data)
    message = PKIMessage.parse(data)
    with suppress(RequestError):
        message.verify(allow_legacy=True)
    with suppress(RequestError):
        message.envelope()
    _look(message.signer)


def enveloped(data: bytes) -> None:
    EnvelopedMessage.parse(data).open([(CERTIFICATE, CheapKey())], allow_legacy=True)


def certificate(data: bytes) -> None:
    _look(Certificate.from_der(data))


def _look(found: Certificate) -> None:
    for name in LAZY:
        with suppress(RequestError):
            getattr(found, name)
    text = found.subject.text()
    with suppress(RequestError):
        Name.from_text(text)


def request(data: bytes) -> None:
    """What stands in a request, as if its signature held."""
    subject, spki, attributes = _parse_info(read_der(data))
    key, held = load_public_key(spki), RequestAttributes.parse(attributes)
    found = CertificateRequest._proven(data, Name.from_der(subject), spki, key, held)
    if repr(found).count("secret"):
        raise AssertionError("a challenge shows")


def names(data: bytes) -> None:
    """General names are built again as they were, but for BER forms."""
    found = parse_general_names(data)
    for name in found:
        _ = name.text()
    if parse_general_names(build_general_names(found)) != found:
        raise AssertionError("names that do not come back")


READERS: tuple[Callable[[bytes], None], ...] = (encoding, signed, enveloped, certificate, request, names)


def feed(data: bytes) -> None:
    """One input."""
    if data:
        with suppress(RequestError):
            READERS[data[0] % len(READERS)](data[1:])


def change(data: bytes, longest: int, seed: int) -> bytes:
    """A mutation of an input; the same for the same seed."""
    source = Random(seed)
    if not data or source.randrange(2):
        return bytes(atheris.Mutate(data, longest))
    try:
        body = source.choice((mutate, rearrange, rearrange, mutated, mutated_inside))(data[1:], source)
    except (RequestError, IndexError):
        return bytes(atheris.Mutate(data, longest))
    return (data[:1] + body)[:longest]


def seeds() -> list[bytes]:
    """Messages of real clients and odd requests, each to the reader that knows its kind."""
    found = []
    for name in vectors.NAMES:
        sent = vectors.message(name)
        message = SignedMessage.parse(sent)
        found += [b"\x00" + sent, b"\x01" + sent, b"\x02" + (message.content or b"")]
        found += [b"\x03" + message.signer_certificate]
    for oddity in ODDITIES.values():
        der = oddity.make()
        found.append(b"\x04" + read_der(der).children()[0].encoded)
        found += [b"\x05" + build_general_names(CertificateRequest.from_der(der).sans)]
    return found


def main(folder: Path, seconds: int) -> None:
    """Fuzz for so long, with the corpus in `folder`; what is found is left there as `crash-...`."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", "-max_len=8192", "-timeout=10", "-rss_limit_mb=1024"]
    arguments = [sys.argv[0], str(corpus), *options, "-print_final_stats=1", f"-artifact_prefix={folder}/"]
    atheris.Setup(arguments, feed, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
