"""Version and data files; all other metadata is in pyproject.toml."""

import json
import sys
from pathlib import Path

from jupyter_packaging import get_data_files, wrap_installers
from setuptools import Distribution, setup

PACKAGE = json.loads(Path(__file__).with_name("package.json").read_text(encoding="utf-8"))
LABEXTENSION = PACKAGE["jupyterlab"]["outputDir"]
INSTALLED = f"share/jupyter/labextensions/{PACKAGE['name']}"

DATA_FILES = [
    (
        "etc/jupyter/jupyter_server_config.d",
        "jupyter-config/server-config",
        "jupyter_mlstudio.json",
    ),
]

# An editable install gets a link to the labextension from `jupyter labextension develop`. Copies
# would be in its way, and uninstalling them would delete the files behind the link.
if "editable_wheel" not in sys.argv:
    DATA_FILES += [(INSTALLED, LABEXTENSION, "**"), (INSTALLED, ".", "install.json")]


class MLStudioDistribution(Distribution):
    """A distribution whose data files editable installs find."""

    # setuptools' editable_wheel asks for "has_data", which no distribution has.
    has_data = Distribution.has_data_files


setup(
    distclass=MLStudioDistribution,
    version=PACKAGE["version"],
    cmdclass=wrap_installers(ensured_targets=[f"{LABEXTENSION}/package.json"]),
    data_files=get_data_files(DATA_FILES),
)
