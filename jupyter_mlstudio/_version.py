"""The version, as installed; it is written down once, in package.json."""

from importlib.metadata import version

__version__ = version("jupyter_mlstudio")
