"""A practice program that no profile knows: DentneD's SQL Server schema, with rows made for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SHARED = Path(__file__).parents[4] / "shared" / "data"
SCHEMA = SHARED / "11_dentned_mssql_ddl" / "dentned-schema.sql"
PATIENTS = 60
SURNAMES = ("Bianchi", "Ferrari", "Esposito", "Ricci", "Marino", "Greco", "Conti")
_TEETH = [f"patientstreatments_t{q}{n}" for q in (1, 2, 3, 4) for n in range(1, 9)]

Row = dict[str, Any]


def write_dump(path: Path) -> Path:
    """Write the schema with rows after it, as SQL Server's script generator does."""
    text = SCHEMA.read_text(encoding="utf-8-sig")
    path.write_text(text + "\n" + "\n".join(_statements()) + "\n", encoding="utf-8")
    return path


def _statements() -> list[str]:
    statements = []
    for table, rows in _rows().items():
        for row in rows:
            names = ", ".join(f"[{_named(table, name)}]" for name in row)
            values = ", ".join(_literal(value) for value in row.values())
            statements.append(f"INSERT INTO [dbo].[{table}] ({names}) VALUES ({values});")
    return statements


def _named(table: str, name: str) -> str:
    return name[1:] if name.startswith(".") else f"{table}_{name}"


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int | float):
        return str(value)
    return "N'" + str(value).replace("'", "''") + "'"


def _rows() -> dict[str, list[Row]]:
    """Return rows by table. Names stand without the table's prefix; `.name` is the whole name."""
    day = [f"2024-{1 + n % 12:02}-{1 + n % 28:02}" for n in range(200)]
    return {
        "doctors": [
            {"id": n, "name": "Anna", "surname": f"Dottore{n}", "doctext": "Dr",
             "username": f"d{n}", "password": "x"} for n in (1, 2, 3)
        ],
        "rooms": [{"id": n, "name": f"Sala {n}"} for n in (1, 2)],
        "contactstypes": [
            {"id": n, "name": name} for n, name in enumerate(("Telefono", "Cellulare", "E-mail"), 1)
        ],
        "addressestypes": [{"id": 1, "name": "Casa"}],
        "patientsattachmentstypes": [
            {"id": 1, "name": "RX", "valueautofunc": "AMN"},
            {"id": 2, "name": "Consenso", "valueautofunc": "AMN"},
        ],
        "treatmentstypes": [{"id": 1, "name": "Conservativa"}],
        "treatments": [
            {"id": n, ".treatmentstypes_id": 1, "code": f"C{n:02}", "name": name, "price": 90.5 * n,
             "isunitprice": 0}
            for n, name in enumerate(("Otturazione", "Corona", "Igiene"), 1)
        ],
        "patients": [
            {"id": n, "name": ("Luca", "Giulia")[n % 2], "surname": SURNAMES[n % 7],
             "sex": "MF"[n % 2], "birthdate": f"19{50 + n % 40}-03-{1 + n % 28:02}",
             "birthcity": "Roma", "doctext": "", "notes": f"Allergia {n}" if n % 4 == 0 else None,
             "isarchived": int(n % 10 == 0), "username": f"u{n}", "password": "p"}
            for n in range(1, PATIENTS + 1)
        ],
        "patientscontacts": [
            {"id": n, ".patients_id": 1 + n % PATIENTS, ".contactstypes_id": 1 + n % 3,
             "value": (f"06 444 {1000 + n}", f"333 555 {1000 + n}", f"p{n}@posta.example")[n % 3]}
            for n in range(1, 121)
        ],
        "patientsaddresses": [
            {"id": n, ".patients_id": n, ".addressestypes_id": 1, "state": "RM", "city": "Roma",
             "zipcode": f"001{n:02}", "street": f"Via Verdi {n}"} for n in range(1, PATIENTS + 1)
        ],
        "patientsnotes": [
            {"id": n, ".patients_id": 1 + n % PATIENTS, "date": day[n],
             "text": f"Controllo eseguito, nessun dolore, visita {n}"} for n in range(1, 81)
        ],
        "patientsattachments": [
            {"id": n, ".patients_id": 1 + n % PATIENTS, ".patientsattachmentstypes_id": 1 + n % 2,
             "value": f"Panoramica {n}", "date": day[n], "filename": f"{n:04}.jpg"}
            for n in range(1, 31)
        ],
        "appointments": [
            {"id": n, ".doctors_id": 1 + n % 3, ".patients_id": 1 + n % PATIENTS,
             ".rooms_id": 1 + n % 2, "from": f"{day[n]}T{9 + n % 8:02}:30:00",
             "to": f"{day[n]}T{9 + n % 8:02}:50:00", "title": "Visita"} for n in range(1, 121)
        ],
        "patientstreatments": [
            {"id": n, ".doctors_id": 1 + n % 3, ".patients_id": 1 + n % PATIENTS,
             ".treatments_id": 1 + n % 3, "creationdate": day[n],
             "fulfilldate": day[n + 20] if n % 2 else None, "ispaid": n % 2, "price": 120.0 + n,
             "isunitprice": 0, "taxrate": 22.0}
            | {f".{tooth}": int(n % 32 == place) for place, tooth in enumerate(_TEETH)}
            for n in range(1, 91)
        ],
    }  # fmt: skip
