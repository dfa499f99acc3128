"""What the form that makes a training job is filled from."""

from __future__ import annotations

import asyncio

from jupyter_server.auth.decorator import authorized
from tornado import web

from ..connection import StudioConnection
from ..forms.shapes import input_shapes
from ..forms.training import images
from .base import Document, StudioHandler, answers


async def training_job_form(studio: StudioConnection) -> Document:
    """Return images, instance types, bucket and role, and the shapes of the request."""
    status, types, shapes, known = await asyncio.gather(
        studio.call("mlstudio", "GetStudioStatus", {}),
        studio.call("mlstudio", "ListInstanceTypes", {}),
        asyncio.to_thread(input_shapes, "sagemaker", "CreateTrainingJob"),
        asyncio.to_thread(images),
    )
    return {
        "bucket": status["DefaultBucket"],
        "role": status["ExecutionRoleArn"],
        "instanceTypes": types["InstanceTypes"],
        "images": known,
        "shapes": shapes,
    }


class TrainingJobFormHandler(StudioHandler):
    """The form of a training job."""

    @web.authenticated
    @authorized
    @answers
    async def get(self) -> Document:
        """Say what it is filled from."""
        return await training_job_form(self.studio)


default_handlers = [(r"/mlstudio/forms/training-job", TrainingJobFormHandler)]
