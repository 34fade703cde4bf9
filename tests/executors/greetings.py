"""Functions as an application would write them, in a module an operator names in `custom_modules`."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from executors.contract import Context, Result
from executors.general.functions import custom_function


class Visit(BaseModel):
    who: str
    times: int = 1


@custom_function(title="Say hello", pure=True)
def greet_person(*, first_name: str, times: Annotated[int, Field(ge=1, le=3)] = 1) -> str:
    """Greets somebody."""
    return " ".join([f"Hello {first_name}!"] * times)


@custom_function(name="myCustomTask")
async def my_custom_task(params: Mapping[str, Any]) -> dict[str, Any]:
    await asyncio.sleep(0)
    return {"result": "success", "got": dict(params)}


@custom_function(idempotent=False)
def pay(params: Visit, context: Context[Any]) -> Result:
    context.log.info("paying")
    return Result(f"Paid {params.who} {params.times} times", data={"at": datetime(2026, 1, 1)}, state={"paid": True})


@custom_function
def awkward(*, json: int, copy: str = "c", self_: bool = False) -> list[Any]:
    return [json, copy, self_]


@custom_function
def breaks() -> None:
    raise ConnectionResetError("the other side hung up")
