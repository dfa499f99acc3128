"""Models, packages and endpoints with the SageMaker SDK v3."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from botocore.exceptions import ClientError
from flow import Place, flow, raises
from sagemaker.core.resources import (
    Endpoint,
    EndpointConfig,
    Model,
    ModelPackage,
    ModelPackageGroup,
)
from sagemaker.core.shapes import (
    ContainerDefinition,
    DesiredWeightAndCapacity,
    ProductionVariant,
)
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode
from v3 import SESSION, SMALL

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
TRAIN = """
import os
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


def artifact(place: Place, name: str, text: str) -> str:
    """Upload a model archive of one file; return its URI."""
    path = Path(place.folder(f"model-{name}", {})) / "model.tar.gz"
    with tarfile.open(path, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text.encode()))
    return str(SESSION.upload_data(str(path), key_prefix=f"v3/models/{name}"))


@flow
def train_and_deploy(place: Place) -> None:
    """ModelTrainer trains a script, ModelBuilder deploys what it made and registers it."""
    rows = "".join(f"{n % 2},{n},{n % 2 * 3}\n" for n in range(100))
    data = SESSION.upload_data(place.folder("rows", {"rows.csv": rows}), key_prefix="v3/rows")
    trainer = ModelTrainer(
        training_image=XGBOOST,
        source_code=SourceCode(
            source_dir=place.folder("source", {"train.py": TRAIN}), entry_script="train.py"
        ),
        compute=Compute(instance_type=SMALL, instance_count=1, volume_size_in_gb=5),
        hyperparameters={"rounds": 5},
        role=place.role,
        base_job_name="sdk-v3",
        sagemaker_session=SESSION,
    )
    trainer.train(
        input_data_config=[InputData(channel_name="train", data_source=data)], wait=True, logs=True
    )
    builder = ModelBuilder(
        model=trainer,
        image_uri=XGBOOST,
        role_arn=place.role,
        sagemaker_session=SESSION,
        instance_type=SMALL,
    )
    builder.build(model_name="sdk-v3-model")
    endpoint = builder.deploy(
        endpoint_name="sdk-v3-endpoint", initial_instance_count=1, instance_type=SMALL
    )
    answer = endpoint.invoke(body=b"10,0\n11,3\n", content_type="text/csv", accept="text/csv")
    low, high = (float(score) for score in answer.body.read().split(b","))
    assert low < 0.5 < high
    registered = builder.register(
        model_package_group_name="sdk-v3-models",
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=[SMALL],
        approval_status="PendingManualApproval",
    )
    arn = getattr(registered, "model_package_arn", registered)
    package = ModelPackage.get(arn)
    assert package.model_approval_status == "PendingManualApproval"
    package.update(model_approval_status="Approved")
    assert package.refresh().model_approval_status == "Approved"
    endpoint.delete()


@flow
def resources(place: Place) -> None:
    """The classes of one resource each: model, configuration, endpoint, package, group."""
    container = ContainerDefinition(
        image=place.foreign, model_data_url=artifact(place, "mean", "2")
    )
    model = Model.create(
        model_name="v3-mean", primary_container=container, execution_role_arn=place.role
    )
    assert model is not None
    assert Model.get("v3-mean").primary_container.image == place.foreign
    with raises(ClientError, "Cannot create already existing model"):
        Model.create(
            model_name="v3-mean", primary_container=container, execution_role_arn=place.role
        )
    variant = ProductionVariant(
        variant_name="AllTraffic",
        model_name="v3-mean",
        initial_instance_count=1,
        instance_type=SMALL,
    )
    config = EndpointConfig.create(endpoint_config_name="v3-mean", production_variants=[variant])
    endpoint = Endpoint.create(endpoint_name="v3-mean", endpoint_config_name="v3-mean")
    assert config is not None
    assert endpoint is not None
    endpoint.wait_for_status("InService", poll=1)
    answer = endpoint.invoke(body=b"21", content_type="text/plain")
    assert answer.body.read() == b"42"
    capacity = DesiredWeightAndCapacity(variant_name="AllTraffic", desired_instance_count=2)
    endpoint.update_weights_and_capacities([capacity])
    endpoint.wait_for_status("InService", poll=1)
    assert endpoint.production_variants[0].current_instance_count == 2
    assert [each.endpoint_name for each in Endpoint.get_all(name_contains="v3-mean")] == ["v3-mean"]
    endpoint.delete()
    endpoint.wait_for_delete(poll=1)
    config.delete()
    model.delete()
    for kind, name in ((Endpoint, "endpoint"), (EndpointConfig, "endpoint conf"), (Model, "model")):
        with raises(ClientError, f"Could not find {name}"):
            kind.get("v3-mean")

    group = ModelPackageGroup.create(model_package_group_name="v3-group")
    assert group is not None
    # ModelPackage.create() of 3.27.0 reads a member that CreateModelPackage does not have.
    made = SESSION.sagemaker_client.create_model_package(
        ModelPackageGroupName="v3-group",
        InferenceSpecification={
            "Containers": [{"Image": place.foreign}],
            "SupportedContentTypes": ["text/plain"],
            "SupportedResponseMIMETypes": ["text/plain"],
        },
    )
    package = ModelPackage.get(made["ModelPackageArn"])
    listed = ModelPackage.get_all(model_package_group_name="v3-group")
    assert [each.model_package_version for each in listed] == [1]
    with raises(ClientError, "ConflictException"):
        group.delete()
    # So does ModelPackage.delete(): a version has no ModelPackageName.
    SESSION.sagemaker_client.delete_model_package(ModelPackageName=package.model_package_arn)
    group.delete()
    with raises(ClientError, "does not exist"):
        group.refresh()
