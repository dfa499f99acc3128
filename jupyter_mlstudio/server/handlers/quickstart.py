"""The notebook that shows a first job, model and endpoint."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from jupyter_server.auth.decorator import authorized
from tornado import web

from .base import Document, StudioHandler, answers

NOTEBOOK = Path(__file__).parent.parent / "quickstart.ipynb"


class QuickstartHandler(StudioHandler):
    """The quickstart notebook."""

    @web.authenticated
    @authorized
    @answers
    async def get(self) -> Document:
        """Return what is in it."""
        text = await asyncio.to_thread(NOTEBOOK.read_text, encoding="utf-8")
        notebook: Document = json.loads(text)
        return notebook


default_handlers = [(r"/mlstudio/quickstart", QuickstartHandler)]
