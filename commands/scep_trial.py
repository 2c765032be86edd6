"""`manage.py scep test`: every step of a client against a server, each with what was seen and what would mend it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Literal

from commands.scep_device import Device
from commands.scep_server import ServerProblem
from shared.errors import PKIError, RequestError
from shared.scep.advertised import Finding
from shared.scep.client import Reply
from shared.scep.message import FailInfo, PKIStatus
from shared.x509.certificate import Certificate, verify_signature
from shared.x509.general_names import same_names

Outcome = Literal["ok", "warning", "pending", "refused", "skipped", "failed"]
COLUMNS = ("step", "outcome", "ms", "seen", "remedy")
BAD: frozenset[Outcome] = frozenset({"pending", "refused", "failed"})

_REMEDIES: Mapping[FailInfo | None, str] = {
    FailInfo.BAD_ALG: "allow the key and algorithms of the request at the server, or try --legacy",
    FailInfo.BAD_MESSAGE_CHECK: "the server cannot verify or open the message: is the RA of GetCACert the one it uses?",
    FailInfo.BAD_REQUEST: "check --challenge, --subject and --san against what the server allows",
    FailInfo.BAD_TIME: "set the clocks of server and client",
    FailInfo.BAD_CERT_ID: "the server does not know the certificate, or the request that is asked for",
    None: "see the server's log",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask for, and how far to go. Times are in seconds."""

    subject: str
    sans: tuple[str, ...] = ()
    challenge: str = ""
    enrol: bool = True
    renew: bool = True
    poll_interval: float = 5
    poll_seconds: float = 60


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the table."""

    step: str
    outcome: Outcome
    ms: int
    seen: str
    remedy: str = ""

    def row(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Sight:
    """What a step came to, before it is timed."""

    seen: str
    findings: tuple[Finding, ...] = ()
    outcome: Outcome = "ok"
    remedy: str = ""


class Trial:
    """Runs the steps of `plan` with `device`; a step that fails ends it."""

    def __init__(self, device: Device, plan: Plan, sleep: Callable[[float], None] = time.sleep) -> None:
        self.device, self.plan, self._sleep = device, plan, sleep
        self._pending = False

    def run(self) -> Iterator[Step]:
        """The steps, each when it is done."""
        yield (caps := self._step("GetCACaps", self._capabilities))
        yield (ca := self._step("GetCACert", self._ca_certificates))
        if ca.outcome == "failed" or not self.plan.enrol or caps.outcome == "failed":
            return
        yield (enrolled := self._step("enrol", self._enrol))
        if self._pending:
            yield (enrolled := self._step("poll", self._poll))
        if enrolled.outcome in BAD:
            return
        yield self._step("renew", self._renew)

    def _step(self, name: str, act: Callable[[], Sight]) -> Step:
        start = time.perf_counter()
        try:
            sight = act()
        except ServerProblem as problem:
            sight = Sight(problem.seen, outcome="failed", remedy=problem.remedy)
        except PKIError as error:
            sight = Sight(error.reason, outcome="failed", remedy="mend the request")
        elapsed = round(1000 * (time.perf_counter() - start))
        outcome: Outcome = "warning" if sight.findings and sight.outcome == "ok" else sight.outcome
        seen = "; ".join((sight.seen, *(finding.seen for finding in sight.findings)))
        remedies = (sight.remedy, *(finding.remedy for finding in sight.findings))
        return Step(name, outcome, elapsed, seen, "; ".join(filter(None, remedies)))

    def _capabilities(self) -> Sight:
        try:
            self.device.get_capabilities()
        except ServerProblem as problem:
            if not self.device.legacy:
                raise
            return Sight(f"{problem.seen}; going on by GET", (), "warning", problem.remedy)
        found = self.device.capabilities
        findings = list(found.findings)
        if not found.has("POSTPKIOperation"):
            findings.append(
                Finding("no POSTPKIOperation, so GET is used", "advertise it: long messages need POST")
            )
        suite = self.device.suite
        return Sight(
            f"{' '.join(found.keywords) or 'nothing'}; using {suite.digest}, {suite.cipher}", tuple(findings)
        )

    def _ca_certificates(self) -> Sight:
        self.device.get_ca_certificates()
        ca = self.device.ca
        role = "CA" if ca.recipient is ca.issuer else "RA"
        count = len(ca.certificates)
        seen = f"{count} certificate{'s' if count > 1 else ''}, CA {_named(ca.issuer)}"
        if role == "RA":
            seen += f", RA {_named(ca.recipient)}"
        return Sight(f"{seen}; sealing to the {role}", ca.findings)

    def _enrol(self) -> Sight:
        plan = self.plan
        reply = self.device.enrol(plan.subject, plan.sans, plan.challenge or None)
        self._pending = reply.status is PKIStatus.PENDING
        if self._pending:
            return Sight("PENDING")
        return self._judge(reply)

    def _poll(self) -> Sight:
        deadline, polls = time.monotonic() + self.plan.poll_seconds, 0
        while True:
            reply, polls = self.device.poll(), polls + 1
            if reply.status is not PKIStatus.PENDING:
                return self._judge(reply)
            if time.monotonic() + self.plan.poll_interval > deadline:
                remedy = "approve the request at the server; give it longer by --poll-seconds"
                return Sight(f"still PENDING after {polls} CertPolls", outcome="pending", remedy=remedy)
            self._sleep(self.plan.poll_interval)

    def _renew(self) -> Sight:
        plan, device = self.plan, self.device
        if not plan.renew:
            return Sight("not asked for", outcome="skipped")
        if not device.capabilities.has("Renewal"):
            return Sight("the server does not advertise Renewal", outcome="skipped")
        reply, findings = device.renew(plan.subject, plan.sans), tuple[Finding, ...]()
        if reply.status is PKIStatus.FAILURE and plan.challenge:
            reply = device.renew(plan.subject, plan.sans, plan.challenge)
            remedy = "let a live certificate renew by itself, or give devices the challenge again"
            findings = (Finding("renewal wants the challenge", remedy),)
        return self._judge(reply, findings)

    def _judge(self, reply: Reply, findings: tuple[Finding, ...] = ()) -> Sight:
        if reply.status is PKIStatus.PENDING:
            return Sight("PENDING", outcome="pending", remedy="approve the request at the server")
        if reply.status is PKIStatus.FAILURE:
            words = f"FAILURE {reply.fail_info.name if reply.fail_info else ''} {reply.fail_text}"
            return Sight(" ".join(words.split()), outcome="refused", remedy=_REMEDIES[reply.fail_info])
        assert self.device.requester is not None  # noqa: S101
        issued = self.device.requester.certificate
        seen = f"serial {issued.serial_hex} until {issued.not_after:%Y-%m-%d}"
        seen += f", answered with {reply.digest}, {reply.cipher}"
        return Sight(seen, (*self.device.findings, *findings, *self._doubts(issued, reply)))

    def _doubts(self, issued: Certificate, reply: Reply) -> Iterator[Finding]:
        """What is wrong with a certificate, or with the way it came."""
        asked = self.device.applicant
        suite = self.device.suite
        if reply.cipher != suite.cipher and reply.cipher.startswith("des"):
            yield Finding(f"asked with {suite.cipher}", f"{reply.cipher} can be broken: answer as asked")
        if not issued.subject.same_as(asked.subject):
            yield Finding(f"the subject is {issued.subject.text()}", "see the server's template or policy")
        if not same_names(issued.sans, asked.sans):
            names = ", ".join(name.text() for name in issued.sans) or "none"
            yield Finding(f"the SANs are {names}", "see the server's template or policy")
        if not issued.not_before <= self.device.clock() < issued.not_after:
            yield Finding(f"it is valid from {issued.not_before}", "set the clocks of server and client")
        if not any(_signed(issued, authority) for authority in self.device.ca.authorities):
            yield Finding("no CA of GetCACert signed it", "add the issuing CA to GetCACert")


def _signed(certificate: Certificate, authority: Certificate) -> bool:
    try:
        verify_signature(certificate, authority.public_key, allow_legacy=True)
    except RequestError:
        return False
    return True


def _named(certificate: Certificate) -> str:
    return f"{certificate.subject.text()} (SHA-256 {sha256(certificate.der).hexdigest()})"
