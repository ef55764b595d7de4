"""The Zoho CRM v8 client: one object per org, shared by all workers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from migrator_kit.errors import TerminalError
from migrator_kit.zoho import org as orgs
from migrator_kit.zoho import scopes
from migrator_kit.zoho.attachments import Attachments
from migrator_kit.zoho.bulk import Bulk
from migrator_kit.zoho.calls import Call
from migrator_kit.zoho.credits import CreditMeter
from migrator_kit.zoho.hosts import is_zoho
from migrator_kit.zoho.limits import Limits, limits_for
from migrator_kit.zoho.metadata import Metadata
from migrator_kit.zoho.notes import Notes
from migrator_kit.zoho.org import Org, User
from migrator_kit.zoho.records import Records
from migrator_kit.zoho.recyclebin import RecycleBin
from migrator_kit.zoho.settings import ZohoSettings
from migrator_kit.zoho.transport import Transport

KINDS = ("emulator", "sandbox", "developer", "production")


class ZohoClient:
    """Calls on one Zoho CRM org. Thread-safe; close it, or use it with `with`.

    Errors: TransientError after all retries, AmbiguousError where a write may have landed,
    TerminalError where sending again cannot help, BudgetExhausted before the credits end.
    Refusals of single records are results (`ItemResult`), never exceptions.
    """

    def __init__(
        self,
        settings: ZohoSettings,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._transport = Transport(settings, sleep=sleep, clock=clock)
        self._transport.before_call = self._prepare
        self._org: Org | None = None
        self._kind_checked = False
        self._lock = threading.RLock()
        self.metadata = Metadata(self._transport)
        self.records = Records(self._transport)
        self.notes = Notes(self._transport)
        self.attachments = Attachments(self._transport)
        self.bulk = Bulk(self._transport, lambda: self.org().zgid, sleep=sleep)
        self.recycle_bin = RecycleBin(self._transport)

    def __enter__(self) -> ZohoClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections and write down the credits used."""
        self._transport.close()

    def org(self, *, refresh: bool = False) -> Org:
        """Return the org; from then on calls are paced by the limits of its edition."""
        known = self._org
        if known is not None and not refresh:
            return known
        with self._lock:
            if self._org is None or refresh:
                found = orgs.read_org(self._transport)
                users = self.settings.users or found.users_purchased or 1
                edition = limits_for(self.settings.edition or found.edition)
                self._transport.pacer.adopt(edition, users)
                self._org = found
            return self._org

    def users(self, type: str = "ActiveUsers") -> list[User]:
        """Return the users of one type: `ActiveUsers`, `AllUsers`, `DeactiveUsers`, ..."""
        return orgs.read_users(self._transport, type)

    def current_user(self) -> User:
        """Return the user that the credentials belong to."""
        found = orgs.read_users(self._transport, "CurrentUser")
        if not found:
            raise TerminalError("Zoho CRM does not name the user of these credentials.")
        return found[0]

    @property
    def limits(self) -> Limits:
        """The limits of the org's edition, the same table that the planner uses."""
        self.org()
        return self._transport.pacer.limits

    @property
    def credits(self) -> CreditMeter:
        """The meter of API credits: budget, used, remaining, spent by this process."""
        return self._transport.pacer.meter

    @property
    def peak_calls(self) -> int:
        """Most calls that were in flight at once."""
        return self._transport.pacer.calls.peak

    def require_org_kind(self, kind: str) -> Org:
        """Return the org if it is of `kind`, else raise TerminalError: production by mistake.

        `emulator` is a sandbox org on a host that is not Zoho's; the other kinds are the org's
        own `type`.
        """
        if kind not in KINDS:
            raise TerminalError(f"Unknown kind of org; known are: {', '.join(KINDS)}.")
        org = self.org()
        at_zoho = is_zoho(self._transport.tokens.token().api_domain)
        expected = "sandbox" if kind == "emulator" else kind
        if org.type != expected or (kind == "emulator" and at_zoho):
            where = "at Zoho" if at_zoho else "on another host than Zoho's"
            raise TerminalError(
                f"The engagement names an org of kind {kind}; the credentials lead to an org of "
                f"type {org.type or 'unknown'} {where}. Nothing was written.",
                code="WRONG_ORG",
                hint="Set the target's kind in engagement.yml, or use the other org's credentials.",
            )
        return org

    def missing_scopes(self) -> tuple[str, ...]:
        """Return the scopes a migration needs that the refresh token was not given.

        Empty as well where Zoho's token answer names no scopes: then a call will tell.
        """
        granted = self._transport.tokens.token().scope
        return scopes.missing(granted) if granted else ()

    def _prepare(self, call: Call) -> None:
        """Before the first call: know the edition. Before the first write: check the org's kind.

        An upload counts as a write here, for it carries patients' data to the org.
        """
        if call.path == orgs.PATH:
            return
        self.org()
        kind = self.settings.expected_kind
        if kind is None or self._kind_checked or not (call.writes or call.upload):
            return
        self.require_org_kind(kind)
        self._kind_checked = True
