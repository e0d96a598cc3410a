"""Any system that sends JSON: its user writes the mapping that finds the records in a body."""

from collections.abc import Mapping
from types import MappingProxyType

from app.connectors.connector import Delivery, ElementRejection, Translation
from app.connectors.signatures import StandardOrBearerConnector
from app.domain.primitives import strict_json
from app.domain.primitives.errors import MalformedError
from app.domain.sources.mapping import generic_envelope
from app.domain.sources.mapping.mapping import DealMapping


class GenericConnector(StandardOrBearerConnector):
    """A sender that signs like Standard Webhooks, or sends its secret as a token."""

    name: str = "generic"
    mapping_form: str = "generic"
    default_mapping: Mapping[str, object] = MappingProxyType({})

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """Translate the records in the body.

        Raises: MalformedError when the mapping finds no records in it.
        """
        body = strict_json.loads(delivery.body)
        if mapping.envelope is None:
            raise MalformedError(
                "The source's mapping does not say what a record is:"
                " it needs entity and occurred_at."
            )
        envelope_records = generic_envelope.parse_records(
            body, mapping.envelope, mapping.properties()
        )
        if envelope_records is None:
            raise MalformedError(
                "The body is neither a record nor a list of them; the mapping's 'each' says where."
            )
        return Translation(
            changes=tuple(change for _, change in envelope_records.changes),
            rejects=tuple(
                ElementRejection(index, problem) for index, problem in envelope_records.problems
            ),
            ignored=envelope_records.ignored_count,
            change_indexes=tuple(index for index, _ in envelope_records.changes),
        )
