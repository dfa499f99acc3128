"""What is special about a kind of resource, declared once.

A capability declares a :class:`Kind` beside its operations. Everything resources share (identity,
ARN, listing, tags, the not-found and in-use errors) is derived from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..wire.errors import AWSError
from ..wire.permissions import JOB

_KINDS: dict[str, Kind] = {}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error with a template; ``{name}`` and ``{arn}`` are filled in."""

    code: str
    template: str

    def error(self, name: str, arn: str = "") -> AWSError:
        """Return the error for one resource."""
        return AWSError(self.code, self.template.format(name=name, arn=arn))


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource.

    Parameters
    ----------
    name:
        SageMaker's noun, e.g. ``TrainingJob``.
    path:
        The resource part of its ARN, e.g. ``training-job``.
    missing, taken:
        What Describe of an unknown name and Create of a taken one answer.
    final:
        Statuses that no controller has to look at again; ``None`` when the kind has no
        controller at all.
    service:
        Service in the ARN.
    scope:
        What the keys of its containers may do, see :mod:`..wire.permissions`.
    """

    name: str
    path: str
    missing: Refusal
    taken: Refusal
    final: frozenset[str] | None = None
    service: str = "sagemaker"
    scope: str = JOB

    def __post_init__(self) -> None:
        if self.name in _KINDS:
            raise RuntimeError(f"kind {self.name} is declared twice")
        _KINDS[self.name] = self

    def arn(self, account: str, region: str, name: str) -> str:
        """Return the ARN; SageMaker writes names in it in lower case."""
        return f"arn:aws:{self.service}:{region}:{account}:{self.path}/{name.lower()}"


def kind(name: str) -> Kind:
    """Return a declared kind."""
    return _KINDS[name]


def kinds() -> list[Kind]:
    """Return every declared kind."""
    return list(_KINDS.values())
