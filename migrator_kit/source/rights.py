"""What the user of a database server may do to it: reading is all that a migration needs."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from sqlalchemy.engine import Connection

READ_ONLY_USER = {
    "postgresql": (
        "CREATE ROLE migration LOGIN PASSWORD '…';",
        "GRANT CONNECT ON DATABASE {database} TO migration;",
        "GRANT USAGE ON SCHEMA {schema} TO migration;",
        "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO migration;",
        "ALTER ROLE migration SET default_transaction_read_only = on;",
    ),
    "mysql": (
        "CREATE USER 'migration'@'%' IDENTIFIED BY '…';",
        "GRANT SELECT, SHOW VIEW ON {database}.* TO 'migration'@'%';",
    ),
}
"""Statements that make a user who may read alone, by dialect; MariaDB takes those of MySQL."""

_TABLES_OF_POSTGRESQL = """
    SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')
    AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
"""
_GRANT = re.compile(r"GRANT (.+?) ON (?:TABLE )?(`(?:[^`]|``)+`|\*)\.", re.IGNORECASE)
_WRITING = ("ALL", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "TRIGGER")


def may_write(connection: Connection) -> bool | None:
    """Return whether the connection's user may change the database; None where it is not known."""
    match connection.dialect.name:
        case "postgresql":
            return bool(connection.exec_driver_sql(_TABLES_OF_POSTGRESQL).scalar())
        case "mysql" | "mariadb":
            database = str(connection.exec_driver_sql("SELECT DATABASE()").scalar())
            grants = connection.exec_driver_sql("SHOW GRANTS").scalars()
            return any(_writes(str(grant), database) for grant in grants)
        case _:
            return None


def read_only_user(connection: Connection) -> str:
    """Return the statements that make a user who may read this database and nothing else."""
    kind = connection.dialect.name
    names = {"database": connection.engine.url.database or "practice"}
    if kind == "postgresql":
        names["schema"] = str(connection.exec_driver_sql("SELECT current_schema()").scalar())
    known = READ_ONLY_USER["mysql" if kind == "mariadb" else kind]
    return " ".join(statement.format(**names) for statement in known)


def _writes(grant: str, database: str) -> bool:
    """Return whether a line of SHOW GRANTS lets its user change something of a database."""
    found = _GRANT.match(grant)
    if found is None:
        return False
    granted, place = found[1].upper(), found[2].strip("`").replace("\\_", "_")
    where = place == "*" or fnmatchcase(database, place.replace("%", "*"))
    return where and any(word.strip().startswith(_WRITING) for word in granted.split(","))
