"""Who owns what without the API: the practice's staff as the wizard's Users file.

Owners are linked by Migration ID through a Users file (help.zoho.com, FAQs on data migration; fact
sheet section 12). Who left the practice, or has no e-mail address, gets no user: their records go
to the person who imports, and the mapping keeps the provider's own name on the record.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa

from migrator_kit.engagement import Engagement
from migrator_kit.load.owners import Connects, read_owners_file, staff_of
from migrator_kit.mapping.model import Mapping
from migrator_kit.wizard.columns import MIGRATION_ID
from migrator_kit.wizard.guarding import guarded

USER_COLUMNS = (MIGRATION_ID, "Full Name", "Email")


@dataclass(frozen=True, slots=True, eq=False)
class WizardOwners:
    """`users` is the content of the Users file, `ids` the Migration ID for each staff key.

    `emails` gives the address behind each Migration ID; `without_user` has owner_key and reason.
    """

    users: pa.Table = field(repr=False)
    ids: Map[str, str]
    emails: Map[str, str] = field(repr=False)
    without_user: pd.DataFrame


def wizard_owners(engagement: Engagement, snapshot: Connects, mapping: Mapping) -> WizardOwners:
    """Return the staff who become users. Raises ConfigError, SourceError as their files do.

    `owners.yml` names the e-mail address of who owns what where the source's own does not fit.
    """
    return owners_of(staff_of(snapshot, mapping), read_owners_file(engagement).owners)


def owners_of(staff: pd.DataFrame, chosen: Map[str, str]) -> WizardOwners:
    """Return the users of these staff (owner_key, name, email, active); one for each address."""
    given = staff["owner_key"].map({key: email.strip().lower() for key, email in chosen.items()})
    email = given.astype("str").where(given.notna(), staff["email"])
    known = email.notna() & email.ne("")
    active = staff["active"].fillna(value=False).astype("bool") | given.notna()
    reason = pd.Series("no e-mail address", staff.index, "str").mask(known, "not active any more")
    users = staff.assign(email=email)[known & active]
    first = users.drop_duplicates("email")
    id_of = dict(zip(first["email"], "user:" + first["owner_key"], strict=True))
    name, _ = guarded(pa.array(first["name"].astype("str"), pa.string(), from_pandas=True))
    table = pa.table(dict(zip(
        USER_COLUMNS,
        (pa.array(list(id_of.values()), pa.string()), name, pa.array(list(id_of), pa.string())),
        strict=True,
    )))  # fmt: skip
    without = staff[["owner_key"]].assign(reason=reason)[~(known & active)]
    return WizardOwners(
        table,
        {key: id_of[mail] for key, mail in zip(users["owner_key"], users["email"], strict=True)},
        {one: mail for mail, one in id_of.items()},
        without.reset_index(drop=True),
    )
