"""How the API describes itself: what drf-spectacular cannot see in the views is added here.

Named in the settings as DEFAULT_SCHEMA_CLASS and in SPECTACULAR_SETTINGS. Nothing is answered by this module.
"""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter
from pydantic.json_schema import model_json_schema

from tasks_app.api.once import LONGEST
from tasks_app.engine.idempotency import HEADER

KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": LONGEST},
    OpenApiParameter.HEADER,
    description="The same key with the same request gets the first answer again, for 24 hours.",
)
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "fields"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "fields": {
                    "type": "object",
                    "description": "Field path to messages.",
                    "additionalProperties": {"type": "array", "items": {"type": "string"}},
                },
            },
        }
    },
}


class Described(AutoSchema):
    """Adds the header of `@once`, the query parameters a resource declares, and plain tags."""

    def get_override_parameters(self) -> list[Any]:
        action = getattr(self.view, "action", None) or ""
        method = getattr(self.view, action, None)
        key = [KEY] if getattr(method, "takes_idempotency_key", False) else []
        return [*key, *getattr(self.view, "extra_query", {}).get(action, ())]

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix("/api/v1/").split("/")[0]]


class Bodies(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Pydantic bodies as they may be sent (the built-in extension shows them as they would be answered)."""

    target_class = "tasks_app.engine.reading.Body"
    match_subclasses = True
    priority = 1

    def get_name(self, auto_schema: Any, direction: Any) -> str:
        return self.target.__name__

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        schema = model_json_schema(self.target, ref_template="#/components/schemas/{model}", mode="validation")
        for name, part in schema.pop("$defs", {}).items():
            component = ResolvedComponent(  # type: ignore[no-untyped-call]
                name=name, type=ResolvedComponent.SCHEMA, object=name, schema=part
            )
            auto_schema.registry.register_on_missing(component)
        return schema


def with_errors(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A post-processing hook: every operation may answer with the one error shape."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = ERROR
    answer = {
        "description": "Refused: 400, 401, 403, 404, 405, 409, 413, 415 or 429, always in this shape.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    for path in result.get("paths", {}).values():
        for operation in path.values():
            if isinstance(operation, dict) and "responses" in operation:
                operation["responses"]["default"] = answer
    return result
