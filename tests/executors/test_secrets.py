"""References to secrets."""

import pydantic
import pytest

from executors.config_errors import config_errors
from executors.contract import Config
from executors.errors import PermanentFailure
from executors.secrets import SecretOnly, SecretReference, TextOrSecret, reveal

NONE: dict[str, str] = {}


class Holder(Config):
    key: SecretOnly
    note: TextOrSecret = ""


def test_a_reference_is_kept_as_a_reference() -> None:
    held = Holder.model_validate({"key": {"$secret": "TOKEN"}, "note": "plain"})
    assert held.model_dump(by_alias=True, exclude_unset=True) == {"key": {"$secret": "TOKEN"}, "note": "plain"}


@pytest.mark.parametrize("given", ["plain-s3cret-text", 5, {"secret": "x"}, {"$secret": ""}])
def test_a_field_for_secrets_takes_no_values_and_does_not_repeat_them(given: object) -> None:
    with pytest.raises(pydantic.ValidationError) as refused:
        Holder.model_validate({"key": given})
    errors = config_errors(refused.value)
    assert list(errors) == ["key"]
    assert '{"$secret": "NAME"}' in errors["key"][0]
    assert "plain-s3cret-text" not in str(errors)


def test_a_secret_is_looked_up_when_it_is_needed() -> None:
    assert reveal(SecretReference(name="A"), secrets={"A": "value"}.__getitem__) == "value"
    assert reveal("text", secrets=NONE.__getitem__) == "text"


def test_a_secret_that_does_not_exist_is_named() -> None:
    with pytest.raises(PermanentFailure, match="'B'") as refused:
        reveal(SecretReference(name="B"), secrets=NONE.__getitem__)
    assert refused.value.kind == "invalid_config"
