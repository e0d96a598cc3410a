"""The interface of connectors: verify and translate a CRM's deliveries without I/O or clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from app.domain.primitives.errors import Fault, InvalidError
from app.domain.sources.crm.changes import Change
from app.domain.sources.mapping.mapping import DealMapping

TIMESTAMP_TOLERANCE_SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request as it arrived."""

    method: str
    # The public address of the hook as configured, never as the request has it.
    url: str
    # Names in lower case.
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class ElementRejection:
    """An element of a delivery that was set aside.

    A gap is set aside too: a change of which the CRM reports only that it happened. The problem of
    a gap names the records to import.
    """

    # Its position in the delivery, from 0.
    index: int
    problem: str


@dataclass(frozen=True, slots=True)
class Translation:
    """The content of a delivery."""

    changes: tuple[Change, ...] = ()
    # Raw objects in the form of our own events. The caller validates them; where `source` and
    # `team` are missing, those of the source are used.
    events: tuple[Mapping[str, object], ...] = ()
    rejects: tuple[ElementRejection, ...] = ()
    # How many elements report nothing that the mapping reads, repetitions included.
    ignored: int = 0
    # The index of the element of each change, and of each event.
    change_indexes: tuple[int, ...] = ()
    event_indexes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The reply to a stored delivery, for senders that do not read our own receipt."""

    media_type: str
    body: bytes


class Connector(Protocol):
    """One kind of system that sends deliveries.

    The methods with a body here suit most of them.
    """

    acknowledgement: Acknowledgement | None = None
    """The reply to a stored delivery. None where the sender gets our own receipt."""

    supports_handshake: bool = False
    """Whether its senders ask before they deliver (CloudEvents, abuse protection)."""

    @property
    def name(self) -> str:
        """The connector's name in a source."""

    @property
    def mapping_form(self) -> str:
        """The form of its mapping: `deals` (a CRM), `generic`, `events` (CloudEvents) or `none`."""

    @property
    def default_mapping(self) -> Mapping[str, object]:
        """The mapping in force where a source has none, in that form (docs/crm/)."""

    @property
    def is_secret_required(self) -> bool:
        """Whether the vendor makes the secret; else `generate_secret` does."""

    def generate_secret(self, random_bytes: bytes) -> str:
        """Make a secret in the notation of the scheme.

        Raises: InvalidError where the vendor makes the secret, or for too few bytes.
        """
        detail = f"The secret that {self.name} gave you is required."
        raise InvalidError(detail, [Fault("/secret", detail)])

    def check_secret(self, secret: str) -> None:
        """Raise an error for a secret that cannot verify anything.

        Raises: InvalidError, with a fault at /secret.
        """

    def check_account(self, account: str | None) -> None:
        """Raise an error for an account that a source cannot have.

        Raises: InvalidError, with a fault at /account.
        """
        return

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Raise an error unless one of the secrets signed the delivery, at most 300 s from now.

        Raises: NotAuthenticError, which never gives the reason; MalformedError for a body that must
        not be stored at all.
        """

    def redact_credentials(self, body: bytes) -> bytes:
        """Remove live credentials from a body before it is stored.

        `translate` reads the redacted body as it reads the original.
        """
        return body

    def get_message_id(self, headers: Mapping[str, str]) -> str | None:
        """Return the id that the sender repeats with this delivery only.

        Return None where the sender names none.
        """
        return None

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """Translate an authentic delivery to changes and events.

        Raises: MalformedError for a body that cannot be read; ForbiddenError for a delivery of
        another account, where the whole delivery names one.
        """
