"""`{{ … }}` in a config: values of upstream results and of this run, looked up with JMESPath.

`{{ build.data.version }}` is the member `version` of what the task `build` returned; `build.status`, `build.summary`
and `build.error` tell how it ended. With a single upstream, `upstream` is its end whatever its name. `inputs` holds all
by name (`{{ inputs."nightly-build".data.version }}`), `execution` holds id, attempt and now. A text that is one
placeholder keeps the value's type; inside a text, values that are not text are written as JSON. JMESPath only looks up:
no code, no loops, no attributes. Nothing else may be added here.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import quote

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult
from pydantic import AfterValidator

from executors.contract import Context
from executors.errors import PermanentFailure

LONGEST = 512
_PLACE = re.compile(r"\{\{(.+?)\}\}", re.DOTALL)


def scope_of(context: Context[Any]) -> dict[str, Any]:
    """The names a template may use in this run. An upstream's own name never hides ours."""
    ours: dict[str, Any] = {
        "inputs": dict(context.inputs),
        "execution": {"id": context.execution_id, "attempt": context.attempt, "now": context.now.isoformat()},
    }
    if len(context.inputs) == 1:
        ours["upstream"] = next(iter(context.inputs.values()))
    return {**context.inputs, **ours}


def render(template: Any, *, scope: Mapping[str, Any], where: str, escape: Callable[[str], str] = str) -> Any:
    """The template with its placeholders filled, in texts at any depth. `where` names the field in errors."""
    if isinstance(template, str):
        return _render_text(template, scope, where, escape)
    if isinstance(template, Mapping):
        return {
            str(_render_text(key, scope, where, escape)): render(
                value, scope=scope, where=f"{where}.{key}", escape=escape
            )
            for key, value in template.items()
        }
    if isinstance(template, list | tuple):
        return [render(item, scope=scope, where=f"{where}.{at}", escape=escape) for at, item in enumerate(template)]
    return template


def render_text(template: str, *, scope: Mapping[str, Any], where: str) -> str:
    """As `render`, but always text."""
    return _as_text(render(template, scope=scope, where=where))


def render_url(template: str, *, scope: Mapping[str, Any], where: str) -> str:
    """As `render_text`; a value inside a URL is percent-encoded, a URL that is one placeholder is taken as it is."""
    first = _PLACE.match(template)
    if first is not None and first[0] == template:
        return render_text(template, scope=scope, where=where)
    return _as_text(render(template, scope=scope, where=where, escape=lambda value: quote(value, safe="")))


def check(template: Any) -> Any:
    """Refuses a template with a placeholder that cannot be read; gives the template back."""
    if isinstance(template, str):
        for place in _PLACE.finditer(template):
            _compiled(place[1].strip())
    elif isinstance(template, Mapping):
        for key, value in template.items():
            check(key)
            check(value)
    elif isinstance(template, list | tuple):
        for item in template:
            check(item)
    return template


Template = Annotated[str, AfterValidator(check)]
TemplateTree = Annotated[Any, AfterValidator(check)]


def _render_text(text: str, scope: Mapping[str, Any], where: str, escape: Callable[[str], str]) -> Any:
    first = _PLACE.search(text)
    if first is not None and first[0] == text:
        return _look_up(first[1].strip(), scope, where)
    return _PLACE.sub(lambda place: escape(_as_text(_look_up(place[1].strip(), scope, where))), text)


def _look_up(expression: str, scope: Mapping[str, Any], where: str) -> Any:
    try:
        found = _compiled(expression).search(dict(scope))
    except (JMESPathError, ValueError) as exc:
        raise PermanentFailure(f"{where}: {{{{ {expression} }}}}: {exc}", kind="invalid_config") from exc
    if found is None:
        known = ", ".join(sorted(scope))
        raise PermanentFailure(
            f"{where}: {{{{ {expression} }}}} found nothing. Known here: {known}. "
            f"Write {{{{ {expression} || 'a default' }}}} if it may be absent.",
            kind="invalid_config",
        )
    return found


@lru_cache(maxsize=512)
def _compiled(expression: str) -> ParsedResult:
    if len(expression) > LONGEST:
        raise ValueError(f"A placeholder may hold {LONGEST} characters; this one holds {len(expression)}.")
    try:
        return jmespath.compile(expression)
    except JMESPathError as exc:
        plain = str(exc).splitlines()[0]
        raise ValueError(f"{{{{ {expression} }}}} is not a JMESPath expression: {plain}") from exc


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
