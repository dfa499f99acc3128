"""Models, packages and endpoints with the SageMaker SDK v2."""

from __future__ import annotations

import io
import json
import tarfile

from botocore.exceptions import ClientError
from flow import Place, flow, raises
from sagemaker.async_inference import AsyncInferenceConfig
from sagemaker.deserializers import JSONDeserializer, StringDeserializer
from sagemaker.model import Model, ModelPackage
from sagemaker.model_monitor import DataCaptureConfig
from sagemaker.multidatamodel import MultiDataModel
from sagemaker.pipeline import PipelineModel
from sagemaker.predictor import Predictor
from sagemaker.serializers import JSONSerializer
from sagemaker.serverless import ServerlessInferenceConfig
from sagemaker.sklearn import SKLearnModel
from v2 import SESSION, SMALL

INFERENCE = """
import json
def model_fn(folder):
    return json.load(open(folder + "/factor.json"))
def predict_fn(data, factor):
    return data * factor
"""


def artifact(place: Place, name: str, text: str) -> str:
    """Upload a model archive of one file; return its URI."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text.encode()))
    key = f"v2/models/{name}.tar.gz"
    s3 = SESSION.boto_session.client("s3")
    s3.put_object(Bucket=place.bucket, Key=key, Body=archive.getvalue())
    return f"s3://{place.bucket}/{key}"


@flow
def sklearn_model(place: Place) -> None:
    """A model made elsewhere, repacked with code of its own, on an endpoint that is updated."""
    source = place.folder("inference", {"inference.py": INFERENCE})
    model = SKLearnModel(
        artifact(place, "factor.json", "3"),
        place.role,
        entry_point="inference.py",
        source_dir=source,
        framework_version="1.2-1",
        enable_network_isolation=True,
        model_server_workers=1,
        sagemaker_session=SESSION,
    )
    predictor = model.deploy(
        1, SMALL, serializer=JSONSerializer(), deserializer=JSONDeserializer(), wait=False
    )
    SESSION.wait_for_endpoint(predictor.endpoint_name, poll=2)
    described = SESSION.sagemaker_client.describe_model(ModelName=model.name)
    assert described["PrimaryContainer"]["ModelDataUrl"] == model.repacked_model_data
    assert predictor.predict([1, 2]) == [3, 6]
    predictor.update_endpoint(initial_instance_count=2, instance_type=SMALL, wait=False)
    described = SESSION.wait_for_endpoint(predictor.endpoint_name, poll=2)
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    again = Predictor(
        predictor.endpoint_name,
        SESSION,
        serializer=JSONSerializer(),
        deserializer=JSONDeserializer(),
    )
    assert again.predict([5], target_variant="AllTraffic", inference_id="one") == [15]
    assert json.loads(b"".join(again.predict_stream([6]))) == [18]
    with raises(ClientError, "ValidationError", "TargetModel"):
        again.predict([5], target_model="other.tar.gz")
    with raises(ClientError, "UnsupportedOperation", "ListContexts"):
        again.endpoint_context()
    again.delete_endpoint()
    with raises(ClientError, "Could not find"):
        again.delete_endpoint()


@flow
def packages(place: Place) -> None:
    """A model registered twice, approved, refused, deployed by its version."""
    client = SESSION.sagemaker_client
    model = Model(
        place.foreign, artifact(place, "mean", "2"), place.role, sagemaker_session=SESSION
    )
    arns = []
    for status in ("PendingManualApproval", "Rejected"):
        package = model.register(
            content_types=["text/plain"],
            response_types=["text/plain"],
            inference_instances=[SMALL],
            transform_instances=["ml.m5.large"],
            model_package_group_name="v2-means",
            approval_status=status,
            description="means",
            customer_metadata_properties={"git": "abc"},
        )
        arns.append(package.model_package_arn)
    assert [arn.rpartition("/")[2] for arn in arns] == ["1", "2"]
    listed = client.list_model_packages(ModelPackageGroupName="v2-means")
    assert {each["ModelPackageArn"] for each in listed["ModelPackageSummaryList"]} == set(arns)
    first = ModelPackage(place.role, model_package_arn=arns[0])
    first.update_customer_metadata({"owner": "ann"})
    first.remove_customer_metadata_properties(["git"])
    described = client.describe_model_package(ModelPackageName=arns[0])
    assert described["CustomerMetadataProperties"] == {"owner": "ann"}

    with raises(ClientError, "Approved"):
        client.create_model(
            ModelName="v2-rejected",
            PrimaryContainer={"ModelPackageName": arns[1]},
            ExecutionRoleArn=place.role,
        )
    first.deploy(1, SMALL, endpoint_name="v2-means", wait=False)
    assert client.describe_model_package(ModelPackageName=arns[0])["ModelApprovalStatus"] == (
        "Approved"
    )
    SESSION.wait_for_endpoint("v2-means", poll=2)
    predictor = Predictor("v2-means", SESSION, deserializer=StringDeserializer())
    assert predictor.predict("5") == "10"
    predictor.delete_endpoint()
    for arn in arns:
        client.delete_model_package(ModelPackageName=arn)
    client.delete_model_package_group(ModelPackageGroupName="v2-means")

    alone = model.register(
        content_types=["text/plain"],
        response_types=["text/plain"],
        inference_instances=[SMALL],
        transform_instances=["ml.m5.large"],
        model_package_name="v2-alone",
    )
    assert alone.model_package_arn.endswith("/v2-alone")


@flow
def unsupported(place: Place) -> None:
    """What this studio has not yet, named in the error."""
    data = artifact(place, "factor", "2")

    def model() -> Model:
        return Model(place.foreign, data, place.role, sagemaker_session=SESSION)

    serverless = ServerlessInferenceConfig(memory_size_in_mb=1024)
    with raises(ClientError, "UnsupportedOperation", "ServerlessConfig"):
        model().deploy(serverless_inference_config=serverless, wait=False)
    asynchronous = AsyncInferenceConfig(output_path=f"s3://{place.bucket}/async")
    with raises(ClientError, "UnsupportedOperation", "AsyncInferenceConfig"):
        model().deploy(1, SMALL, async_inference_config=asynchronous, wait=False)
    capture = DataCaptureConfig(True, sagemaker_session=SESSION)
    with raises(ClientError, "UnsupportedOperation", "DataCaptureConfig"):
        model().deploy(1, SMALL, data_capture_config=capture, wait=False)
    pipeline = PipelineModel([model(), model()], place.role, sagemaker_session=SESSION)
    with raises(ClientError, "UnsupportedOperation", "more than one container"):
        pipeline.deploy(1, SMALL, wait=False)
    many = MultiDataModel("v2-many", data.rpartition("/")[0], model(), sagemaker_session=SESSION)
    with raises(ClientError, "UnsupportedOperation", "MultiModel"):
        many.deploy(1, SMALL, wait=False)
    with raises(ClientError, "UnsupportedOperation", "CreateTransformJob"):
        model().transformer(1, SMALL).transform(data, wait=False)
