"""`python -m config.local up|status|stop|scale|logs`: arguments in, exit code out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError

from config.environment import Environment
from config.local import beside, report
from config.local.control import NotRunning
from config.local.database import NotPrepared
from config.local.embedded import ServerError
from config.local.folder import DataFolder
from config.local.only_one import AlreadyUp
from config.local.ready import NotReady
from config.local.up import Ended, up
from config.local.wishes import Wishes


def main() -> int:
    options = _options()
    try:
        folder = DataFolder.at(Path(Environment().task_data_dir))
        return _perform(options, folder)
    except ValidationError as error:
        for problem in error.errors():
            report.complain(f"{'.'.join(map(str, problem['loc'])).upper()}: {problem['msg']}")
        return 2
    except AlreadyUp as error:
        report.already_up(error.fleet, folder)
    except (Ended, NotPrepared, NotReady, NotRunning, ServerError) as error:
        report.complain(str(error))
    return 1


def _perform(options: argparse.Namespace, folder: DataFolder) -> int:
    match options.command:
        case "up":
            up(folder, Wishes())
            return 0
        case "status":
            return beside.status(folder)
        case "stop":
            return beside.stop(folder)
        case "scale":
            return beside.scale(folder, options.family, options.count)
        case _:
            return beside.logs(folder, options.name, follow=options.follow)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m config.local", description="The fleet on one machine.")
    subcommands = parser.add_subparsers(dest="command", required=True)
    subcommands.add_parser("up", help="start everything and stay until Ctrl-C")
    subcommands.add_parser("status", help="what runs, and where")
    subcommands.add_parser("stop", help="stop the fleet that runs from this data folder")
    scale = subcommands.add_parser("scale", help="how many worker processes, e.g. scale worker-main 3")
    scale.add_argument("family")
    scale.add_argument("count", type=int)
    logs = subcommands.add_parser("logs", help="the newest lines of one log, e.g. logs web -f")
    logs.add_argument("name")
    logs.add_argument("-f", "--follow", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
