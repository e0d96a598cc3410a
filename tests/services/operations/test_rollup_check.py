from datetime import UTC, datetime

from app.domain.playbook.organization import Organization
from app.main import make_service
from app.security.vault import new_keys
from app.services.access import organizations
from app.services.operations import rollup_check as maintenance
from app.settings import Settings

NOW = datetime(2026, 10, 2, 12, tzinfo=UTC)


async def test_every_organization_is_compared_and_nothing_well_is_rewritten(database_url):
    settings = Settings(database_url=database_url, secret_keys=new_keys(), key_pepper=new_keys())
    service = make_service(settings, lambda: NOW)
    for key in ("beta", "acme"):
        await organizations.create(service, Organization(key, key.title()))
    everyone = await maintenance.organizations(service)
    assert [key for key, _ in everyone] == ["acme", "beta"]
    for _, identity in everyone:
        nothing = {"event": 0, "measure": 0, "attention": 0, "sold": 0}
        assert await maintenance.differences(service, identity) == nothing
        assert await maintenance.restore(service, identity) == (0, nothing)
    await service.database.close()
