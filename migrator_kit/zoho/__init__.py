"""The Zoho CRM v8 API client: auth, pacing, records, notes, files, bulk jobs, metadata."""

from __future__ import annotations

from migrator_kit.zoho.client import ZohoClient
from migrator_kit.zoho.fields import FieldInfo, FieldSpec, PicklistValue
from migrator_kit.zoho.org import Org, User
from migrator_kit.zoho.reasons import Reason
from migrator_kit.zoho.results import ItemResult
from migrator_kit.zoho.settings import ZohoSettings, settings_from_environment
from migrator_kit.zoho.values import to_zoho_datetime

__all__ = [
    "FieldInfo",
    "FieldSpec",
    "ItemResult",
    "Org",
    "PicklistValue",
    "Reason",
    "User",
    "ZohoClient",
    "ZohoSettings",
    "settings_from_environment",
    "to_zoho_datetime",
]
