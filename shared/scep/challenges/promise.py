"""What a sealed challenge promises: exactly which request it lets pass. Readable in memory only."""

from __future__ import annotations

import json
import zlib
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from shared.errors import ChallengeRejected
from shared.policy.public_key import KeyAlgorithm

MAX_PROMISE_BYTES = 16 * 1024


class ChallengePromise(BaseModel):
    """`subject`: RFC 4514 text; `sans`: `kind:value`; purposes are dotted; `validity_days` caps the life.

    Usages and keys that are None are left to the profile. `id` names the request that uses the challenge.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    version: Literal[1] = 1
    id: Annotated[str, Field(min_length=1, max_length=64)]
    profile: str
    caller: str
    minted_at: AwareDatetime
    expires_at: AwareDatetime
    subject: str
    sans: tuple[str, ...] = ()
    key_usage: tuple[str, ...] | None = None
    extended_key_usage: tuple[str, ...] | None = None
    key: tuple[KeyAlgorithm, ...] | None = None
    device: str = ""
    user: str = ""
    validity_days: Annotated[int, Field(ge=1)] | None = None

    def pack(self) -> bytes:
        """Compressed compact JSON."""
        fields = self.model_dump(mode="json", exclude_defaults=True) | {"version": self.version}
        return zlib.compress(json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode(), 9)

    @classmethod
    def unpack(cls, packed: bytes) -> ChallengePromise:
        """Raises ChallengeRejected if it is none that this version of Scepter can read."""
        try:
            inflate = zlib.decompressobj()
            text = inflate.decompress(packed, MAX_PROMISE_BYTES)
            if not inflate.eof or inflate.unused_data:
                raise ChallengeRejected(
                    "sealed challenge: contents too large, cut short or with something after"
                )
            return cls.model_validate_json(text)
        except (zlib.error, ValidationError) as error:
            kind = type(error).__name__
            raise ChallengeRejected(f"sealed challenge: contents of an unknown form ({kind})") from None

    def has_expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return now >= self.expires_at
