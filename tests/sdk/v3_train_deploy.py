"""Run by the SDK's own Python: ModelTrainer trains, ModelBuilder deploys, the endpoint answers.

Usage: python v3_train_deploy.py IMAGE CSV_URI WORK_FOLDER; writes WORK_FOLDER/result.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sagemaker.core.helper.session_helper import Session
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode

TRAIN = """
import os, sys
import xgboost
folder = os.environ["SM_CHANNEL_TRAIN"]
rows = [line.split(",") for name in os.listdir(folder) for line in open(os.path.join(folder, name))]
data = xgboost.DMatrix([[float(v) for v in row[1:]] for row in rows],
                       label=[float(row[0]) for row in rows])
rounds = int(os.environ["SM_HP_ROUNDS"])
booster = xgboost.train({"objective": "binary:logistic"}, data, rounds)
booster.save_model(os.path.join(os.environ["SM_MODEL_DIR"], "xgboost-model"))
print("trained", len(rows), "rows for", rounds, "rounds")
"""


def main(image: str, data: str, work: Path) -> None:
    """Train, deploy, invoke, delete."""
    session = Session()
    account = session.account_id()
    role = f"arn:aws:iam::{account}:role/MLStudioExecutionRole"
    source = work / "source"
    source.mkdir()
    (source / "train.py").write_text(TRAIN)
    trainer = ModelTrainer(
        sagemaker_session=session,
        training_image=image,
        source_code=SourceCode(source_dir=str(source), entry_script="train.py"),
        compute=Compute(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=5),
        hyperparameters={"rounds": 5},
        role=role,
        base_job_name="sdk-v3",
    )
    trainer.train(
        input_data_config=[InputData(channel_name="train", data_source=data)], wait=True, logs=True
    )
    job = trainer._latest_training_job
    job.refresh()
    builder = ModelBuilder(
        model=trainer,
        image_uri=image,
        role_arn=role,
        sagemaker_session=session,
        instance_type="ml.m5.large",
    )
    builder.build(model_name="sdk-v3-model")
    endpoint = builder.deploy(
        endpoint_name="sdk-v3-endpoint", initial_instance_count=1, instance_type="ml.m5.large"
    )
    answer = endpoint.invoke(body=b"10,0\n11,3\n", content_type="text/csv", accept="text/csv")
    body = answer.body.read() if hasattr(answer.body, "read") else answer.body
    result = {
        "job": job.training_job_status,
        "model": job.model_artifacts.s3_model_artifacts,
        "endpoint": endpoint.endpoint_status,
        "answer": body.decode() if isinstance(body, bytes) else str(body),
    }
    endpoint.delete()
    (work / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
