"""What the flows of the SageMaker SDK v3 share: one session, as a notebook has."""

from __future__ import annotations

from sagemaker.core.helper.session_helper import Session

SESSION = Session()
"""Made before there are threads: boto3 makes its clients in one only."""
SMALL = "ml.m5.large"
