"""The ``train`` command: a user's script where there is one, else the image's algorithm."""

from __future__ import annotations

import sys
import traceback

from . import framework, paths
from .environment import TrainingEnvironment
from .lean import leave_out
from .outcome import UserError, record_failure, record_success


def train() -> int:
    """Run the training job described below ``/opt/ml/input`` and return the exit status.

    Whatever goes wrong is written to ``/opt/ml/output/failure``.
    """
    try:
        framework.check()
        environment = TrainingEnvironment.read()
        status = _run_script(environment) if environment.user_entry_point else _run_algorithm()
    except UserError as error:
        record_failure(str(error))
        print(f"ERROR: {error}", file=sys.stderr, flush=True)
        return 1
    except Exception as error:  # noqa: BLE001,RUF100 - the job's last word, whatever happened
        record_failure(f"Framework Error: \n{traceback.format_exc()}")
        traceback.print_exc()
        return getattr(error, "errno", None) or 1
    if status == 0:
        record_success()
    return status


def _run_script(environment: TrainingEnvironment) -> int:
    from .script import run_script

    return run_script(environment)


def _run_algorithm() -> int:
    if framework.name() != framework.XGBOOST:
        raise UserError(
            f"The image mlstudio/{framework.name()} has no algorithm of its own: name your script "
            "with the hyperparameter 'sagemaker_program', and the S3 URI of the archive it is in "
            "with 'sagemaker_submit_directory'."
        )
    from .xgb import hyperparameters

    values = hyperparameters.validate(paths.read_config("hyperparameters.json"))
    if not hyperparameters.needs_sklearn(values):
        leave_out("sklearn")
    from .xgb.train import run_algorithm

    return run_algorithm(values)
