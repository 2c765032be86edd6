"""pkilint's judgement of certificates and CRLs by RFC 5280, of OCSP responses by RFC 6960."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pkilint import loader, pkix
from pkilint.pkix import certificate, crl, extension, name, ocsp
from pkilint.validation import ValidationFindingSeverity


def certificate_findings(der: bytes) -> list[str]:
    """The codes of everything above an informational remark."""
    document = loader.RFC5280CertificateDocumentLoader().load_der_document(der, "certificate")
    return _codes(_certificate_validator().validate(document.root))


def crl_findings(der: bytes) -> list[str]:
    """The codes of everything above an informational remark."""
    document = loader.RFC5280CertificateListDocumentLoader().load_der_document(der, "crl")
    return _codes(_crl_validator().validate(document.root))


def ocsp_findings(der: bytes) -> list[str]:
    """The codes of everything above an informational remark."""
    document = loader.RFC6960OCSPResponseDocumentLoader().load_der_document(der, "response")
    return _codes(_ocsp_validator().validate(document.root))


def _codes(results: Any) -> list[str]:
    return [
        f"{finding.finding.code} at {result.node.path}: {finding.message or ''}"
        for result in results
        for finding in result.finding_descriptions
        if finding.finding.severity < ValidationFindingSeverity.INFO
    ]


@lru_cache
def _certificate_validator() -> Any:
    return certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )


@lru_cache
def _crl_validator() -> Any:
    return crl.create_pkix_crl_validator_container(
        [
            pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [
            crl.create_issuer_validator_container([]),
            crl.create_validity_validator_container([]),
            crl.create_extensions_validator_container([]),
        ],
    )


@lru_cache
def _ocsp_validator() -> Any:
    """As pkilint's own lint_ocsp_response has it."""
    return ocsp.create_pkix_ocsp_response_validator_container(
        [
            ocsp.create_response_decoder(),
            pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [],
    )
