"""What the SageMaker SDK v3 makes of errors, and what it has that this studio has not."""

from __future__ import annotations

from botocore.exceptions import ClientError
from flow import Place, flow, raises
from sagemaker.core.common_utils import _create_resource
from sagemaker.core.helper.iam_role_resolver import resolve_and_validate_role
from sagemaker.core.resources import Endpoint, EndpointConfig, TrialComponent
from sagemaker.core.shapes import (
    AsyncInferenceConfig,
    AsyncInferenceOutputConfig,
    ProductionVariant,
)
from sagemaker.core.transformer import Transformer
from v3 import SESSION, SMALL


@flow
def there_already(place: Place) -> None:
    """Names that are taken, and names of nothing, are what the SDK takes them for."""
    client, name = SESSION.sagemaker_client, "v3-there"
    for _ in range(2):
        assert SESSION.create_model(name, place.role, {"Image": place.foreign}) == name
    for create in (
        lambda: client.create_model_package_group(ModelPackageGroupName=name),
        lambda: client.create_trial_component(TrialComponentName=name),
    ):
        assert [_create_resource(create) for _ in range(2)] == [True, False]
    assert TrialComponent.get(name).trial_component_name == name
    with raises(ClientError, "ResourceNotFound"):
        TrialComponent.get("v3-none")
    with raises(ValueError, "does not exist"):
        resolve_and_validate_role("NoSuchRole", sagemaker_session=SESSION)
    assert resolve_and_validate_role(None, sagemaker_session=SESSION) == place.role


@flow
def not_here(place: Place) -> None:
    """What this studio has not yet is named in the error."""
    SESSION.create_model("v3-plain", place.role, {"Image": place.foreign})
    variant = ProductionVariant(
        variant_name="AllTraffic",
        model_name="v3-plain",
        instance_type=SMALL,
        initial_instance_count=1,
    )
    output = AsyncInferenceOutputConfig(s3_output_path=f"s3://{place.bucket}/async")
    with raises(ClientError, "UnsupportedOperation", "AsyncInferenceConfig"):
        EndpointConfig.create(
            endpoint_config_name="v3-async",
            production_variants=[variant],
            async_inference_config=AsyncInferenceConfig(output_config=output),
        )
    with raises(ClientError, "UnsupportedOperation", "InvokeEndpointAsync"):
        Endpoint(endpoint_name="v3-none").invoke_async(f"s3://{place.bucket}/question")
    transformer = Transformer("v3-plain", 1, SMALL, sagemaker_session=SESSION)
    with raises(ClientError, "UnsupportedOperation", "CreateTransformJob"):
        transformer.transform(f"s3://{place.bucket}/v3/rows", wait=False)
