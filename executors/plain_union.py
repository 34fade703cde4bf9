"""One message for a value that may have several forms.

pydantic reports an error for each member of a union, under the member's name; a person needs one that says what to
write. Used in the annotations of config fields.
"""

from typing import Any, LiteralString

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError


def said_once(message: LiteralString) -> WrapValidator:
    """Put into `Annotated[A | B, said_once("Give …")]`: any refusal becomes this message at the field itself."""

    def validate(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as exc:
            raise PydanticCustomError("plain_union", message) from exc

    return WrapValidator(validate)
