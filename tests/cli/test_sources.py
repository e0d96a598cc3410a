import json


def test_the_sources_are_listed_with_their_health(sightline, larkfield):
    done = sightline("sources")
    assert done.exit_code == 0, done.output
    hubspot = next(line for line in done.stdout.splitlines() if line.startswith("hubspot"))
    assert "2026-10-14" in hubspot
    assert hubspot.rstrip().endswith("well")
    found = json.loads(sightline("sources", "--json").stdout)
    assert [source["key"] for source in found["items"]] == ["billing", "campaigns", "hubspot", "projects"]
