"""What `GET /providers` says of the companies behind the endpoints."""

from __future__ import annotations

from tui.openrouter.catalogue import ProviderFacts
from tui.openrouter.lenient import NotJson, as_line, as_list, as_mapping, loads
from tui.openrouter.text import Clean


def decode_providers(body: bytes) -> tuple[ProviderFacts, ...]:
    """The rows that have a slug, in the server's order; nothing where there is no list."""
    try:
        parsed = loads(body, exact=False)
    except NotJson:
        return ()
    found = []
    for item in as_list(as_mapping(parsed).get("data")):
        row = as_mapping(item)
        slug = as_line(row.get("slug"))
        if not slug:
            continue
        places = row.get("datacenters")
        found.append(
            ProviderFacts(
                slug=slug,
                name=as_line(row.get("name")) or Clean(""),
                privacy_policy_url=as_line(row.get("privacy_policy_url")) or None,
                terms_of_service_url=as_line(row.get("terms_of_service_url")) or None,
                status_page_url=as_line(row.get("status_page_url")) or None,
                headquarters=as_line(row.get("headquarters")) or None,
                datacenters=None
                if not isinstance(places, list)
                else tuple(place for one in places if (place := as_line(one))),
            )
        )
    return tuple(found)
