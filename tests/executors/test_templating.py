"""Placeholders: what they find, and what they say when they do not."""

import pytest

from executors.errors import PermanentFailure
from executors.templating import check, render, render_text, render_url, scope_of
from tests.executors.runs import context_for

SCOPE = {"build": {"version": 3, "tags": ["a", "b"], "path": "x/y z", "ok": True}, "inputs": {"night-build": {"n": 1}}}


def filled(template: object) -> object:
    return render(template, scope=SCOPE, where="body")


def test_a_text_that_is_one_placeholder_keeps_the_type() -> None:
    assert filled("{{ build.version }}") == 3
    assert filled("{{build.tags}}") == ["a", "b"]
    assert filled("{{ {v: build.version} }}") == {"v": 3}


def test_inside_a_text_values_are_written_as_json_and_texts_as_they_are() -> None:
    assert filled("v{{ build.version }} {{ build.path }} {{ build.ok }} {{ build.tags }}") == 'v3 x/y z true ["a", "b"]'
    assert filled("{{build.version}}{{build.version}}") == "33"


def test_placeholders_are_filled_at_any_depth_and_in_keys() -> None:
    template = {"a": ["{{ build.version }}", {"k-{{ build.version }}": "x"}], "n": 5, "z": None}
    assert filled(template) == {"a": [3, {"k-3": "x"}], "n": 5, "z": None}


def test_a_name_with_a_dash_is_reached_through_inputs() -> None:
    assert filled('{{ inputs."night-build".n }}') == 1


def test_a_placeholder_that_finds_nothing_names_the_field_and_the_remedy() -> None:
    with pytest.raises(
        PermanentFailure, match=r"body\.a\.0: .*build\.vers.*Known here: build, inputs.*\|\| 'a default'"
    ):
        render({"a": ["{{ build.vers }}"]}, scope=SCOPE, where="body")


def test_a_default_can_be_written() -> None:
    assert filled("{{ build.vers || 'none' }}") == "none"


def test_braces_can_be_written_literally() -> None:
    assert filled("{{ '{{' }}") == "{{"


def test_a_value_from_upstream_is_not_rendered_again() -> None:
    scope = {"a": {"text": "{{ b.secret }}"}, "b": {"secret": "x"}}
    assert render("{{ a.text }} and {{ a.text }}", scope=scope, where="body") == "{{ b.secret }} and {{ b.secret }}"


def test_a_value_inside_a_url_is_encoded_and_a_whole_url_is_not() -> None:
    assert render_url("http://h/{{ build.path }}", scope=SCOPE, where="url") == "http://h/x%2Fy%20z"
    assert render_url("{{ build.path }}", scope=SCOPE, where="url") == "x/y z"


def test_text_is_always_text() -> None:
    assert render_text("{{ build.version }}", scope=SCOPE, where="args.0") == "3"


@pytest.mark.parametrize("bad", ["{{ a..b }}", {"k": ["{{ a[ }}"]}, "{{ " + "a" * 600 + " }}"])
def test_an_unreadable_placeholder_is_refused_beforehand(bad: object) -> None:
    with pytest.raises(ValueError, match=r"placeholder|JMESPath"):
        check(bad)


def test_a_single_upstream_is_called_upstream_and_two_are_not() -> None:
    one = scope_of(context_for("custom", {"function": "noop"}, inputs={"build": {"v": 1}}))
    two = scope_of(context_for("custom", {"function": "noop"}, inputs={"build": 1, "test": 2}))
    assert one["upstream"] == one["build"] == {"v": 1}
    assert "upstream" not in two
    assert two["execution"] == {"id": "exec-1", "attempt": 1, "now": "2026-03-01T12:00:00+00:00"}


def test_an_upstream_called_execution_does_not_hide_ours() -> None:
    scope = scope_of(context_for("custom", {"function": "noop"}, inputs={"execution": {"id": "theirs"}}))
    assert scope["execution"]["id"] == "exec-1"
    assert scope["inputs"]["execution"]["id"] == "theirs"
