"""What the flows of the SageMaker SDK v2 share: one session, as a notebook has."""

from __future__ import annotations

import sagemaker

SESSION = sagemaker.Session()
"""Made before there are threads: boto3 makes its clients in one only."""
SMALL = "ml.m5.large"
