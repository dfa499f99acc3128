"""Run by the SDK's own Python: ModelTrainer runs a script by torchrun on two processes.

Usage: python v3_torchrun.py IMAGE WORK_FOLDER; prints the job's name.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sagemaker.core.helper.session_helper import Session
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, SourceCode
from sagemaker.train.distributed import Torchrun

TRAIN = """
import os, sys
import torch
import torch.distributed as dist

dist.init_process_group("gloo")
total = torch.tensor([float(os.environ["SM_HP_FIRST"]) + dist.get_rank()])
dist.all_reduce(total)
sys.stdout.write(f"rank {dist.get_rank()} of {dist.get_world_size()} has {total.item():g}\\n")
sys.stdout.write(f"arguments {sys.argv[1:]}\\n")
dist.destroy_process_group()
"""


def main(image: str, work: Path) -> None:
    """Train."""
    session = Session()
    source = work / "source"
    source.mkdir()
    (source / "train.py").write_text(TRAIN)
    trainer = ModelTrainer(
        sagemaker_session=session,
        training_image=image,
        source_code=SourceCode(source_dir=str(source), entry_script="train.py"),
        distributed=Torchrun(process_count_per_node=2),
        compute=Compute(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=5),
        hyperparameters={"first": 10},
        role=f"arn:aws:iam::{session.account_id()}:role/MLStudioExecutionRole",
        base_job_name="sdk-v3-torchrun",
    )
    trainer.train(wait=True, logs=False)
    print(trainer._latest_training_job.training_job_name)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
