"""Waits in a container made ready ahead, then becomes the program of a job.

Runs with whatever ``python3`` an image has, so it uses little and nothing new.
"""

import json
import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))


def main() -> None:
    """Wait for a job, then run its program in place of this one."""
    with open(os.path.join(FOLDER, "waiting"), "w"):
        pass
    with open(os.path.join(FOLDER, "go")) as pipe:
        pipe.read()
    with open(os.path.join(FOLDER, "start.json")) as file:
        start = json.load(file)
    environment = dict(os.environ)
    environment.update(start["environment"])
    with open(os.path.join(FOLDER, "begun"), "w"):
        pass
    try:
        os.execvpe(start["argv"][0], start["argv"], environment)  # noqa: S606 - no shell is meant
    except OSError as error:
        sys.stderr.write("{}: {}\n".format(start["argv"][0], error.strerror))
        sys.exit(127)


if __name__ == "__main__":
    main()
