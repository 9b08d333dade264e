"""What the addresses of SCIM 2.0 take part in, as RFC 7643 wants it told."""

from __future__ import annotations

from typing import Any

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
_CORE = "urn:ietf:params:scim:schemas:core:2.0"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
MOST = 200


def _attribute(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    told = {
        "name": name,
        "type": kind,
        "multiValued": False,
        "description": more.pop("says", name),
        "required": False,
        "mutability": "readWrite",
        "returned": "default",
        **({"caseExact": False, "uniqueness": "none"} if kind in ("string", "reference") else {}),
    }
    return told | more


_NAME = [
    _attribute("familyName", says="The family name."),
    _attribute("givenName", says="The given name."),
]
_EMAIL = [
    _attribute("value", says="The address."),
    _attribute("type", says="Always work.", canonicalValues=["work"]),
]
_USER_GROUPS = [
    _attribute("value", says="The id of the group.", mutability="readOnly"),
    _attribute("$ref", "reference", says="Where it is.", mutability="readOnly", referenceTypes=["Group"]),
    _attribute("display", says="Its name.", mutability="readOnly"),
]
_MEMBERS = [
    _attribute("value", says="The id of the user.", mutability="immutable"),
    _attribute("$ref", "reference", says="Where they are.", mutability="immutable", referenceTypes=["User"]),
    _attribute("type", says="Always User.", mutability="immutable", canonicalValues=["User"]),
]
_ATTRIBUTES = {
    USER: [
        _attribute(
            "userName", says="How the directory calls the person.", required=True, uniqueness="server"
        ),
        _attribute("name", "complex", says="The parts of the name.", subAttributes=_NAME),
        _attribute("displayName", says="The name that people see."),
        _attribute("emails", "complex", says="One address.", multiValued=True, subAttributes=_EMAIL),
        _attribute("active", "boolean", says="Whether the person may sign in.", required=True),
        _attribute(
            "groups",
            "complex",
            says="The groups that the person is in.",
            multiValued=True,
            mutability="readOnly",
            subAttributes=_USER_GROUPS,
        ),
    ],
    GROUP: [
        _attribute("displayName", says="The name of the group.", required=True, uniqueness="server"),
        _attribute("members", "complex", says="Who is in it.", multiValued=True, subAttributes=_MEMBERS),
    ],
}


def service_provider(base: str) -> dict[str, Any]:
    """What this service can do."""
    no = {"supported": False}
    return {
        "schemas": [f"{_CORE}:ServiceProviderConfig"],
        "documentationUri": "https://countersign.dev/docs/single-sign-on",
        "patch": {"supported": True},
        "bulk": {**no, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": MOST},
        "changePassword": no,
        "sort": no,
        "etag": {"supported": True},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": "A token of a service account that has the role Directory.",
                "primary": True,
            }
        ],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": f"{base}/ServiceProviderConfig",
        },
    }


def resource_types(base: str) -> list[dict[str, Any]]:
    """Users and groups."""
    return [
        {
            "schemas": [f"{_CORE}:ResourceType"],
            "id": name,
            "name": name,
            "description": says,
            "endpoint": f"/{name}s",
            "schema": schema,
            "schemaExtensions": [],
            "meta": {"resourceType": "ResourceType", "location": f"{base}/ResourceTypes/{name}"},
        }
        for name, says, schema in (("User", "People", USER), ("Group", "Groups", GROUP))
    ]


def schemas(base: str) -> list[dict[str, Any]]:
    """The attributes that are kept; all others are taken in and left."""
    return [
        {
            "schemas": [f"{_CORE}:Schema"],
            "id": schema,
            "name": schema.rpartition(":")[2],
            "description": f"What is kept of a {schema.rpartition(':')[2].lower()}.",
            "attributes": attributes,
            "meta": {"resourceType": "Schema", "location": f"{base}/Schemas/{schema}"},
        }
        for schema, attributes in _ATTRIBUTES.items()
    ]
