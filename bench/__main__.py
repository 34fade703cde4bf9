"""`python -m bench [throughput | dags | batch] [options]`; without a word: throughput."""

import sys
from importlib import import_module

MEASUREMENTS = ("throughput", "dags", "batch")


def main(argv: list[str]) -> None:
    name, rest = (argv[0], argv[1:]) if argv and argv[0] in MEASUREMENTS else (MEASUREMENTS[0], argv)
    if rest and not rest[0].startswith("-") and name == MEASUREMENTS[0]:
        raise SystemExit(f"no measurement {rest[0]!r}; there are: {', '.join(MEASUREMENTS)}")
    import_module(f"bench.{name}").main(rest)


if __name__ == "__main__":
    main(sys.argv[1:])
