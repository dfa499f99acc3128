"""What each family of services calls the ways a signature can be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from multidict import CIMultiDictProxy

from .errors import AWSError
from .keys import Identity, KeyRing

_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method."
)
_QUERY_SERVICES = frozenset({"sts", "iam"})

# Family -> kind of failure -> code.
_CODES = {
    "json": {
        "missing": "MissingAuthenticationTokenException",
        "malformed": "IncompleteSignatureException",
        "mismatch": "InvalidSignatureException",
        "skewed": "InvalidSignatureException",
        "expired": "RequestExpired",
        "UnrecognizedClientException": "UnrecognizedClientException",
        "ExpiredTokenException": "ExpiredTokenException",
    },
    "query": {
        "missing": "MissingAuthenticationToken",
        "malformed": "IncompleteSignature",
        "mismatch": "SignatureDoesNotMatch",
        "skewed": "SignatureDoesNotMatch",
        "expired": "RequestExpired",
        "UnrecognizedClientException": "InvalidClientTokenId",
        "ExpiredTokenException": "ExpiredToken",
    },
    "s3": {
        "missing": "AccessDenied",
        "malformed": "AuthorizationHeaderMalformed",
        "mismatch": "SignatureDoesNotMatch",
        "skewed": "RequestTimeTooSkewed",
        "expired": "AccessDenied",
        "UnrecognizedClientException": "InvalidAccessKeyId",
        "ExpiredTokenException": "ExpiredToken",
    },
}


@dataclass(frozen=True, slots=True)
class SignatureErrors:
    """Makes the errors of one family: ``json``, ``query`` or ``s3``."""

    family: str

    @classmethod
    def of(cls, service: str | None, headers: CIMultiDictProxy[str]) -> SignatureErrors:
        """Choose by signing name, and by the kind of request where that is not known."""
        if service == "s3":
            return cls("s3")
        form = headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
        return cls("query" if service in _QUERY_SERVICES or form else "json")

    def resolve(self, keys: KeyRing, access_key: str, token: str | None, now: datetime) -> Identity:
        """Resolve an access key, with this family's codes if that fails."""
        try:
            return keys.resolve(access_key, token, now)
        except AWSError as error:
            status = 400 if self.family == "s3" and error.code == "ExpiredTokenException" else 403
            raise self._error(error.code, error.message, status) from None

    def missing(self) -> AWSError:
        """The request is not signed."""
        return self._error("missing", "Missing Authentication Token")

    def malformed(self, message: str) -> AWSError:
        """What should describe the signature cannot be read."""
        return self._error("malformed", message, 400 if self.family == "s3" else 403)

    def mismatch(self) -> AWSError:
        """The signature is another than ours."""
        return self._error("mismatch", _MISMATCH)

    def skewed(self, timestamp: str, now: datetime) -> AWSError:
        """The request was signed too long ago, or too far ahead."""
        if self.family == "s3":
            message = "The difference between the request time and the current time is too large."
        else:
            ours = now.strftime("%Y%m%dT%H%M%SZ")
            what = "expired" if timestamp < ours else "not yet current"
            message = f"Signature {what}: {timestamp} is more than 15 minutes from {ours}"
        return self._error("skewed", message)

    def not_yet_valid(self) -> AWSError:
        """A presigned URL from the future."""
        return self._error("expired", "Request is not yet valid")

    def expired(self) -> AWSError:
        """A presigned URL whose time is over."""
        return self._error("expired", "Request has expired")

    def unsigned_headers(self, names: list[str]) -> AWSError:
        """Headers that change what a request means are not covered by the signature."""
        code = "missing" if self.family == "s3" else "mismatch"
        text = f"There were headers present in the request which were not signed: {names}"
        return self._error(code, text)

    def missing_content_hash(self) -> AWSError:
        """A body that is streamed has its hash, or a marker, in a header."""
        text = "Missing required header for this request: x-amz-content-sha256"
        if self.family == "s3":
            return AWSError("InvalidRequest", text, status=400)
        return self._error("malformed", text)

    def bad_content_hash(self) -> AWSError:
        """The hash of the body is none."""
        text = "x-amz-content-sha256 must be the SHA-256 of the body in hex"
        if self.family == "s3":
            return AWSError(
                "InvalidArgument", f"{text}, UNSIGNED-PAYLOAD or STREAMING-…", status=400
            )
        return self._error("mismatch", text)

    def content_mismatch(self, stated: str, actual: str) -> AWSError:
        """The body is another than the one that was signed."""
        if self.family == "s3":
            return AWSError(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
                status=400,
                fields={
                    "ClientComputedContentSHA256": stated,
                    "S3ComputedContentSHA256": actual,
                },
            )
        return self.mismatch()

    def _error(self, kind: str, message: str, status: int = 403) -> AWSError:
        return AWSError(_CODES[self.family][kind], message, status=status)
