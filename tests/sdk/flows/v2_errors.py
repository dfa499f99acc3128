"""What the SageMaker SDK v2 makes of errors, and what it has that this studio has not."""

from __future__ import annotations

from botocore.exceptions import ClientError
from flow import Place, flow, raises
from sagemaker.algorithm import AlgorithmEstimator
from sagemaker.collection import Collection
from sagemaker.compute_resource_requirements import ResourceRequirements
from sagemaker.dataset_definition import AthenaDatasetDefinition, DatasetDefinition
from sagemaker.enums import EndpointType
from sagemaker.experiments.trial_component import _TrialComponent
from sagemaker.model import Model
from sagemaker.predictor import Predictor
from sagemaker.processing import ProcessingInput, Processor
from sagemaker.session import _create_resource, _deployment_entity_exists
from v2 import SESSION, SMALL


@flow
def there_already(place: Place) -> None:
    """Names that are taken, and names of nothing, are no errors where the SDK expects them."""
    client = SESSION.sagemaker_client
    name = "v2-there"
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InstanceType": SMALL,
        "InitialInstanceCount": 1,
    }
    specification = {
        "Containers": [{"Image": place.foreign}],
        "SupportedContentTypes": ["text/plain"],
        "SupportedResponseMIMETypes": ["text/plain"],
        "SupportedTransformInstanceTypes": [SMALL],
        "SupportedRealtimeInferenceInstanceTypes": [SMALL],
    }
    for _ in range(2):
        assert SESSION.create_model(name, place.role, place.foreign) == name
    for create in (
        lambda: client.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[variant]
        ),
        lambda: client.create_model_package_group(ModelPackageGroupName=name),
        lambda: client.create_model_package(
            ModelPackageName=name, InferenceSpecification=specification
        ),
    ):
        assert [_create_resource(create) for _ in range(2)] == [True, False]
    for describe, there in (
        (lambda: client.describe_model(ModelName=name), True),
        (lambda: client.describe_endpoint_config(EndpointConfigName=name), True),
        (lambda: client.describe_endpoint(EndpointName=name), False),
        (lambda: client.describe_endpoint_config(EndpointConfigName="v2-none"), False),
        (lambda: client.describe_model(ModelName="v2-none"), False),
    ):
        assert _deployment_entity_exists(describe) is there
    load = _TrialComponent._load_or_create
    assert [load(name, sagemaker_session=SESSION)[1] for _ in range(2)] == [False, True]
    with raises(ClientError, "ResourceNotFound"):
        _TrialComponent.load("v2-none", sagemaker_session=SESSION)


@flow
def not_here(place: Place) -> None:
    """What this studio has not yet is named in the error."""
    with raises(ClientError, "UnsupportedOperation", "resource-groups"):
        Collection(SESSION).create("v2-collection")
    query = AthenaDatasetDefinition(
        catalog="AwsDataCatalog",
        database="default",
        query_string="SELECT 1",
        output_s3_uri=f"s3://{place.bucket}/athena",
        output_format="PARQUET",
    )
    definition = DatasetDefinition(
        local_path="/opt/ml/processing/in", athena_dataset_definition=query
    )
    processor = Processor(
        place.role, place.foreign, 1, SMALL, entrypoint=["true"], sagemaker_session=SESSION
    )
    with raises(ClientError, "UnsupportedOperation", "DatasetDefinition (input table)"):
        processor.run(
            inputs=[ProcessingInput(input_name="table", dataset_definition=definition)],
            wait=False,
            logs=False,
        )
    model = Model(place.foreign, role=place.role, sagemaker_session=SESSION)
    with raises(ClientError, "UnsupportedOperation", "variant"):
        model.deploy(
            1,
            SMALL,
            endpoint_name="v2-components",
            endpoint_type=EndpointType.INFERENCE_COMPONENT_BASED,
            resources=ResourceRequirements(requests={"memory": 1024, "copies": 1}),
            wait=False,
        )
    with raises(ClientError, "UnsupportedOperation", "ListMonitoringSchedules"):
        Predictor("v2-none", SESSION).list_monitors()
    with raises(ClientError, "UnsupportedOperation", "DescribeAlgorithm"):
        AlgorithmEstimator(
            f"arn:aws:sagemaker:{place.region}:{place.account}:algorithm/v2",
            place.role,
            1,
            SMALL,
            sagemaker_session=SESSION,
        )
