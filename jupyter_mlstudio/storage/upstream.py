"""Another S3, and the keys for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.credentials import Credentials


@dataclass(frozen=True, slots=True)
class Upstream:
    """Another S3.

    ``endpoint`` is its URL. Keys are those of the AWS profile ``profile``, or without one those
    of the environment (``AWS_ACCESS_KEY_ID`` ...).
    """

    endpoint: str
    region: str
    profile: str = ""

    def credentials(self) -> Credentials:
        """Return the keys; those that end are renewed when they are asked for.

        Raises
        ------
        ValueError
            There are none; says what to do.
        """
        # Most stores have no other S3, and these are large.
        from botocore.credentials import EnvProvider
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session

        try:
            found = (
                Session(profile=self.profile).get_credentials()
                if self.profile
                else EnvProvider().load()
            )
        except BotoCoreError as error:
            raise ValueError(f"There are no keys for {self.endpoint}: {error}") from error
        if found is None:
            where = f"profile {self.profile!r}" if self.profile else "environment"
            raise ValueError(
                f"There are no keys for {self.endpoint} in the {where}: set AWS_ACCESS_KEY_ID and"
                " AWS_SECRET_ACCESS_KEY where the studio is started, or name a profile with"
                " 'jupyter mlstudio start --s3-profile'."
            )
        return found
