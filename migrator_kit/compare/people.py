"""Owners as persons: a person is known by the e-mail address of the Zoho user."""

from __future__ import annotations

from collections.abc import Iterable

from migrator_kit.compare.sides import People
from migrator_kit.load.owners import Owners
from migrator_kit.zoho.org import User


def person_of(user: User) -> str:
    """Return what a Zoho user is recognised by in every org: the address, else the id."""
    return user.email or f"user {user.id}"


def persons(users: Iterable[User]) -> dict[str, str]:
    """Return the person behind each Zoho user id."""
    return {user.id: person_of(user) for user in users}


def people_of(owners: Owners, users: Iterable[User]) -> People:
    """Return who is expected to own what: the person for each staff key, and for all others."""
    known = persons(users)
    by_key = {
        key: known.get(user_id, f"user {user_id}") for key, user_id in owners.user_ids.items()
    }
    return People(by_key, person_of(owners.default))
