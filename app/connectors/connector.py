"""The shape of a connector: how a CRM's deliveries are verified and what they say. No network, database or clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from app.domain.sources.crm.changes import Change
from app.domain.sources.mapping.mapping import DealMapping

TIMESTAMP_TOLERANCE_SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request as it came in.

    Shape: `url` is the hook's public address from the configuration, never from the request; the names of `headers` are
    lower case.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class ElementRejection:
    """An element that was set aside. Shape: `index` counts from 0 in the delivery's own order.

    So is a gap, a change of which the CRM says only that it happened: the sentence names the records to import.
    """

    index: int
    problem: str


@dataclass(frozen=True, slots=True)
class Translation:
    """What a delivery says.

    Shape: `events` are raw objects in the shape of our own event, for the caller to validate (`source` and `team`
    may be left out: those of the source stand in); `change_places` and `event_places` are where in the delivery's own
    order each of them stands; `ignored` counts the elements that were understood and say nothing that the mapping reads
    (an element said twice in one delivery too).
    """

    changes: tuple[Change, ...] = ()
    events: tuple[Mapping[str, object], ...] = ()
    rejects: tuple[ElementRejection, ...] = ()
    ignored: int = 0
    change_indexes: tuple[int, ...] = ()
    event_indexes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """How a sender is told that its delivery is kept, where it does not read our own receipt."""

    media_type: str
    body: bytes


class Connector(Protocol):
    """One kind of system that sends deliveries. What has a body here is what most of them do."""

    acknowledgement: Acknowledgement | None = None
    """How a kept delivery is answered. None when the sender reads no body: our own receipt."""

    supports_handshake: bool = False
    """Whether its senders ask before they deliver (CloudEvents, abuse protection)."""

    @property
    def name(self) -> str:
        """The connector's name in a source."""

    @property
    def mapping_form(self) -> str:
        """What its mapping looks like: `deals` (a CRM), `generic`, `events` (CloudEvents), or `none`."""

    @property
    def default_mapping(self) -> Mapping[str, object]:
        """The mapping in force where a source says nothing, in that form. Shape: api.md, Sources."""

    @property
    def is_secret_required(self) -> bool:
        """Whether the vendor makes the secret; else `new_secret` does."""

    def generate_secret(self, random_bytes: bytes) -> str:
        """A secret in the scheme's notation. Raises: InvalidError where the vendor makes it, or for too few bytes."""

    def check_secret(self, secret: str) -> None:
        """Returns only for a secret that can verify something. Raises: InvalidError, with a fault at /secret."""

    def check_account(self, account: str | None) -> None:
        """Returns only for an account that a source can have. Raises: InvalidError, with a fault at /account."""
        return

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Returns only for a delivery signed with one of the secrets, at most 300 s from now.

        Raises: NotAuthenticError, never saying why; MalformedError for a body that is not even to be kept.
        """

    def redact_credentials(self, body: bytes) -> bytes:
        """What of a body may be stored; `translate` reads it as it reads the body. Shape: without live credentials."""
        return body

    def get_message_id(self, headers: Mapping[str, str]) -> str | None:
        """The id under which the sender repeats this delivery and never sends another. None where it names none."""
        return None

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """What an authentic delivery says.

        Raises: MalformedError when its body cannot be read; ForbiddenError for another account's, where it can be told.
        """
