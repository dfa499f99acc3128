"""Read the metrics of a training job with the SageMaker SDK v2: job, then where to write."""

import json
import sys
from pathlib import Path

from sagemaker.analytics import TrainingJobAnalytics

name, result = sys.argv[1:]
analytics = TrainingJobAnalytics(name)
frame = analytics.dataframe()
Path(result).write_text(
    json.dumps(
        {
            "columns": list(frame.columns),
            "rows": frame[["metric_name", "value"]].values.tolist(),
        }
    )
)
