"""Runs the terminal's commands: `python -m sidecar`; or, out of a wheel, `python x.whl/sidecar`.

Any Python can read this file, to say that it is too old for the others.
"""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036
    found = "Python %d.%d at %s" % (sys.version_info[0], sys.version_info[1], sys.executable)  # noqa: UP031
    if "--json" in sys.argv:
        sys.stdout.write('{"kind": "oldPython", "detail": "%s"}\n' % found.replace("\\", "/"))  # noqa: UP031
    else:
        sys.stderr.write("It needs Python 3.11 or newer, and this is %s.\n" % found)  # noqa: UP031
    sys.exit(3)

if not __package__:  # out of the wheel, where only this folder would be searched
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120

from sidecar.cli import main

main()
