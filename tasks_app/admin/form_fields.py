"""Form fields in the admin's look, and two kinds of our own: indented JSON, words with commas. No task here."""

import json
from typing import Any

from django import forms
from unfold import widgets

YES_NO = (("", "As the task type says"), ("true", "Yes"), ("false", "No"))


class JsonObject(forms.JSONField):
    """A JSON object, shown indented."""

    def to_python(self, value: Any) -> Any:
        """Nothing else than an object."""
        found = super().to_python(value)
        if found is not None and not isinstance(found, dict):
            raise forms.ValidationError("Give a JSON object, for example {“url”: “https://example.org/”}.")
        return found

    def prepare_value(self, value: Any) -> Any:
        """Text of the value; what could not be read stays as it was typed."""
        if value is None:
            return ""
        if isinstance(value, dict | list):
            return json.dumps(value, indent=2, ensure_ascii=False)
        return super().prepare_value(value)


class Words(forms.CharField):
    """Words with commas between, as a list."""

    def prepare_value(self, value: Any) -> Any:
        """The list as text."""
        return ", ".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        """The text as a list."""
        return [word.strip() for word in (value or "").split(",") if word.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Spaces and the kind of sequence do not matter."""
        return list(initial or []) != self.to_python(data)


def json_area(*, rows: int = 10, **options: Any) -> JsonObject:
    """A text area for JSON."""
    area = widgets.UnfoldAdminTextareaWidget(attrs={"rows": rows, "spellcheck": "false", "class": "tf-mono"})
    return JsonObject(required=False, widget=area, **options)


def tag_words(**options: Any) -> Words:
    """One line of words."""
    return Words(required=False, widget=widgets.UnfoldAdminTextInputWidget(), **options)


def text(**options: Any) -> forms.CharField:
    """One line of text."""
    return forms.CharField(required=False, widget=widgets.UnfoldAdminTextInputWidget(), **options)


def paragraph(**options: Any) -> forms.CharField:
    """A few lines of text."""
    return forms.CharField(required=False, widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 2}), **options)


def number(**options: Any) -> forms.IntegerField:
    """A whole number."""
    return forms.IntegerField(required=False, widget=widgets.UnfoldAdminIntegerFieldWidget(), **options)


def decimal(**options: Any) -> forms.FloatField:
    """Any number."""
    widget = widgets.UnfoldAdminDecimalFieldWidget(attrs={"step": "any"})
    return forms.FloatField(required=False, widget=widget, **options)


def instant(**options: Any) -> forms.SplitDateTimeField:
    """Date and time, UTC."""
    return forms.SplitDateTimeField(required=False, widget=widgets.UnfoldAdminSplitDateTimeWidget(), **options)


def select(choices: Any, *, required: bool = False, **options: Any) -> forms.ChoiceField:
    """One of a list; `choices` may be a callable."""
    widget = widgets.UnfoldAdminSelectWidget()
    return forms.ChoiceField(required=required, choices=choices, widget=widget, **options)


def several(choices: Any, **options: Any) -> forms.MultipleChoiceField:
    """Any of a list, as boxes to tick."""
    widget = widgets.UnfoldAdminCheckboxSelectMultipleWidget()
    return forms.MultipleChoiceField(required=False, choices=choices, widget=widget, **options)


def box(**options: Any) -> forms.BooleanField:
    """One box to tick."""
    return forms.BooleanField(required=False, widget=widgets.UnfoldBooleanWidget(), **options)
