from datetime import UTC, datetime

from app.domain.playbook.organization import Organization
from app.main import make_service
from app.security.vault import generate_key
from app.services.access import organizations
from app.services.operations import rollup_check
from app.settings import Settings

NOW = datetime(2026, 10, 2, 12, tzinfo=UTC)


async def test_every_organization_is_compared_and_correct_rollups_are_not_rewritten(database_url):
    settings = Settings(
        database_url=database_url, secret_keys=generate_key(), key_pepper=generate_key()
    )
    service = make_service(settings, lambda: NOW)
    for organization_key in ("beta", "acme"):
        await organizations.create_organization(
            service, Organization(organization_key, organization_key.title())
        )
    all_organizations = await rollup_check.list_organizations(service)
    assert [organization_key for organization_key, _ in all_organizations] == ["acme", "beta"]
    for _, identity in all_organizations:
        no_differences = {"event": 0, "measure": 0, "attention": 0, "sold": 0}
        assert await rollup_check.count_rollup_differences(service, identity) == no_differences
        assert await rollup_check.rebuild_rollups(service, identity) == (0, no_differences)
    await service.database.close()
