"""JupyterLab as the browser tests use it: no token, and a studio of its own root."""

import os

from jupyterlab.galata import configure_jupyter_server
from traitlets.config import Config

c: Config
configure_jupyter_server(c)  # noqa: F821 - Jupyter defines it

c.ServerApp.allow_root = True  # noqa: F821
c.ServerApp.base_url = os.environ.get("MLSTUDIO_TEST_BASE_URL", "/")  # noqa: F821
c.ServerApp.port = int(os.environ["MLSTUDIO_TEST_PORT"])  # noqa: F821
c.MLStudioExtension.root = os.environ["MLSTUDIO_ROOT"]  # noqa: F821
# The same as seed.py uses, whoever of the two starts the studio.
c.MLStudioExtension.compute = os.environ.get("MLSTUDIO_TEST_COMPUTE", "process")  # noqa: F821
