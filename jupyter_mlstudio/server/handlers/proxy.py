"""Every other AWS operation, for panels."""

from __future__ import annotations

import asyncio

from jupyter_server.auth.decorator import authorized
from tornado import web

from ...wire.errors import AWSError
from ...wire.services import SERVICES
from ..client import operation_model
from ..documents import to_params
from .base import Document, StudioHandler, answers


class ProxyHandler(StudioHandler):
    """Calls the operation that the path names with the JSON in the body."""

    @web.authenticated
    @authorized
    @answers
    async def post(self, service: str, operation: str) -> Document:
        """Call it."""
        if service not in SERVICES:
            raise AWSError("UnknownService", f"The studio has no service {service}", status=404)
        model = await asyncio.to_thread(operation_model, service, operation)
        if model.has_event_stream_input or model.has_event_stream_output:
            raise AWSError(
                "UnsupportedOperation",
                f"{operation} streams events, which cannot pass here; call it with boto3.",
                status=501,
            )
        params = to_params(model.input_shape, self.document())
        return await self.studio.call(service, operation, params)


default_handlers = [(r"/mlstudio/api/([a-z0-9-]+)/([A-Za-z0-9]+)", ProxyHandler)]
