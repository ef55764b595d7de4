"""The org that the engagement writes to: reached, checked to be the right kind, its users read."""

from __future__ import annotations

from dataclasses import dataclass

from migrator_kit.engagement import Engagement, TargetKind
from migrator_kit.errors import ConfigError
from migrator_kit.load.crm import Crm
from migrator_kit.load.local_org import join_emulator, stop_emulator
from migrator_kit.zoho.client import ZohoClient
from migrator_kit.zoho.org import Org, User
from migrator_kit.zoho.settings import ZohoSettings, settings_from_environment

__all__ = ["Target", "open_target", "stop_emulator"]


@dataclass(frozen=True, slots=True)
class Target:
    """An org within reach. `users` are all of them, those who left included."""

    client: Crm
    org: Org
    users: tuple[User, ...]
    api_user: User
    kind: TargetKind
    url: str

    @property
    def org_id(self) -> str:
        """What the ledger knows the org by: ids of one org mean nothing in another."""
        return f"{self.kind}:{self.org.zgid}"

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


def open_target(engagement: Engagement) -> Target:
    """Return the engagement's org, its kind checked.

    For the kind `emulator` without a URL the engagement's own emulator is started where it does
    not run. Other kinds take credentials from the environment or the keyring. Raises ConfigError
    for missing credentials or a wrong URL, TargetError where the org is of another kind or does
    not answer.
    """
    settings = _zoho_settings(engagement)
    client = ZohoClient(settings)
    try:
        kind = engagement.settings.target.kind
        org = client.require_org_kind(str(kind))
        users = tuple(client.users("AllUsers"))
        api_user = client.current_user()
    except BaseException:
        client.close()
        raise
    return Target(client, org, users, api_user, kind, settings.accounts_url)


def _zoho_settings(engagement: Engagement) -> ZohoSettings:
    target = engagement.settings.target
    file_bytes = int(target.file_limit_mb * 1024 * 1024)
    if target.kind is TargetKind.EMULATOR:
        url = target.url or join_emulator(engagement)
        return ZohoSettings.for_emulator(
            url,
            edition=target.edition,
            attachment_bytes=file_bytes,
            state_folder=engagement.private,
        )
    if target.url and not target.accounts_url:
        raise ConfigError(
            "`target.url` in engagement.yml is set without `accounts_url`.",
            hint="Leave both out for Zoho's own hosts: `data_centre` is enough.",
        )
    # The edition is the org's own to say: a wrong one in the file would overrun its limits.
    return settings_from_environment(
        data_centre=str(target.data_centre),
        accounts_url=target.accounts_url,
        upload_url=target.upload_url,
        expected_kind=str(target.kind),
        state_folder=engagement.private,
        api_url=target.url,
        attachment_bytes=file_bytes,
    )
