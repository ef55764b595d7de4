"""The step-by-step page of a package: what to prepare, the order, and what the wizard cannot do.

Facts on the wizard: fact sheet section 12 (prewww.zoho.com/crm/help/migrate-data.html,
help.zoho.com FAQs on data migration and on import). What these pages do not say is named as
unconfirmed, to be tried with a few records first. No patient's value stands on the page.
"""

from __future__ import annotations

import pandas as pd

from migrator_kit.evidence.page import PageHead, render_page
from migrator_kit.load.states import Reason
from migrator_kit.mapping.dataset import ShapedDataset
from migrator_kit.mapping.model import Landing, Mapping, ObjectName
from migrator_kit.wizard.columns import MIGRATION_ID, PARENT_MODULE, CsvColumn
from migrator_kit.wizard.package import Package, Settings
from migrator_kit.wizard.sections import Section, markdown_page
from migrator_kit.zoho.limits import EDITIONS

_TYPES = {
    "text": "Single Line", "textarea": "Multi-Line", "picklist": "Pick List",
    "multiselectpicklist": "Multi-Select", "boolean": "Checkbox", "integer": "Number",
    "bigint": "Long Integer", "double": "Decimal", "datetime": "Date/Time", "website": "URL",
    "lookup": "Lookup", "ownerlookup": "User",
}  # fmt: skip
"""Names of types as Zoho CRM's own screens have them, where they are not the API's."""

TITLE = "Moving in with Zoho's Data Migration wizard"

_PATIENT_DATA = (
    "These files hold patient data, by intent: names, health notes, X-rays. The folder can be "
    "opened by its owner alone (mode 0700, files 0600). Do not mail it, do not put it into a "
    "shared drive, and delete it when the check at the end is clean."
)
_CANNOT = (
    "Keep workflows, blueprints and approvals from running: turn them off by hand (below).",
    "Create custom fields with the right type and length: create them by hand first (below).",
    "Set Created Time and Modified Time: the practice's own times are in fields of their own.",
    "Find out what landed after it was interrupted: use the check at the end before repeating "
    "anything, for a second import makes every record twice.",
    "Undo field by field: what undoing an import covers is not documented; the history of imports "
    "is kept for 60 days. To take all of it back by hand, filter each module by its source id, "
    "begin with the last one of step 5, and delete; the recycle bin keeps it for 60 days.",
    "Update records that stand in Zoho CRM already: this package is for an org without them.",
    "Move reminder and recall rules: they are rebuilt by hand.",
)
_UNCONFIRMED = (
    "How many rows a file may have, the exact columns of the mapping file of attachments, how "
    "choices of a multi-select field are separated (here by ;), in which time zone times "
    "without offset are read, and whether a later run finds the records of an earlier one by their "
    "Migration ID. Import a copy with ten patients into a sandbox or a trial first and "
    "run the check on its export."
)
_FILE_WORDS = {
    str(Reason.FILE_EMPTY): "empty", str(Reason.FILE_MISSING): "missing",
    str(Reason.FILE_OVERSIZE): "too large", str(Reason.FILE_UNREADABLE): "not readable",
    str(Reason.FILE_OUTSIDE): "outside the documents folder",
}  # fmt: skip
REFERENCE = "lists/reminders_and_recalls/index.md"
"""The pages by which reminders and recalls are rebuilt."""
_AUTOMATION = (
    "Setup > Automation > Workflow Rules: note which rules are active, then deactivate each.",
    "Setup > Process Management: deactivate blueprints, approval and review processes.",
    "Setup > Automation > Cadences and Assignment Rules: deactivate them.",
    "Setup > Channels > Email: switch off notifications, auto-responses and scoring rules.",
    "After the check is clean, activate again what you noted, and nothing else.",
)


def guide(
    package: Package, mapping: Mapping, shaped: ShapedDataset, settings: Settings,
    without_user: pd.DataFrame,
) -> list[Section]:  # fmt: skip
    """Return the sections of a package's page."""
    fields = _new_fields(package)
    return [
        Section("Patient data", (_PATIENT_DATA,)),
        Section("What the wizard cannot do", ("The wizard cannot:",), _CANNOT),
        Section("Not confirmed by Zoho's documentation", (_UNCONFIRMED,)),
        Section("Step 1: Turn off automation", (), _AUTOMATION),
        Section(
            "Step 2: Create these fields first",
            ("Setup > Customization > Modules and Fields. Use exactly these labels: the wizard "
             "finds a field by the column's header.", _room(fields)),
            table=fields,
        ),
        Section(
            "Step 3: Values of standard picklists",
            ("Add what is missing. Stages of Deals must stand in the pipeline that is the default "
             "of the layout, for the files name none.",),
            table=_standard_choices(package, mapping),
        ),
        _owners(package, without_user),
        _import(package, settings),
        Section("Step 6: Which column goes to which field",
                (f"{MIGRATION_ID} is the record's id in the wizard; every link names the "
                 f"{MIGRATION_ID} of its parent.",), table=_columns(package)),
        _notes(package),
        _attachments(package),
        _by_hand(package, shaped, mapping),
        _check(),
    ]  # fmt: skip


def pages(sections: list[Section], package: Package, client: str) -> tuple[str, str]:
    """Return the page as Markdown and as HTML. Raises EvidenceError where it would not stand."""
    head = PageHead(client, TITLE, package.digest[:12], package.made, made_from="Dataset")
    body = "\n".join(one.html() for one in sections)
    return markdown_page(f"{TITLE}: {client}", sections), render_page(head, body)


def _new_fields(package: Package) -> pd.DataFrame:
    rows = []
    for name, column in _all_columns(package):
        if column.custom:
            choices = ", ".join(column.picklist)
            length = f"{column.length:,}" if column.length else ""
            unique = "yes" if column.unique else ""
            module = _module(package, name)
            rows.append((module, column.label, _type(column), length, unique, choices))
    frame = pd.DataFrame(rows, columns=["Module", "Label", "Type", "Length", "Unique", "Values"])
    return frame.drop_duplicates(["Module", "Label"]).reset_index(drop=True)


def _room(fields: pd.DataFrame) -> str:
    counts = fields["Module"].value_counts(sort=False)
    needed = ", ".join(f"{module} {count}" for module, count in counts.items())
    rooms = ", ".join(
        f"{one.edition.capitalize()} {one.custom_fields}" for one in EDITIONS.values()
    )
    most = max(one.custom_fields_activities for one in EDITIONS.values())
    return (
        f"Fields to create: {needed}. A module has room for this many, by edition: {rooms}; Tasks, "
        f"Events and Calls for {most} at most."
    )


def _standard_choices(package: Package, mapping: Mapping) -> pd.DataFrame:
    rows = []
    for name, column in _all_columns(package):
        row = mapping.object(name).field(column.logical)
        if row is not None and not column.custom and row.picklist:
            rows.append((_module(package, name), column.label, ", ".join(row.picklist)))
    return pd.DataFrame(rows, columns=["Module", "Field", "Values that arrive"])


def _owners(package: Package, without_user: pd.DataFrame) -> Section:
    users = [file for file in package.files if file.module == "Users"]
    many = len(without_user)
    text = (
        "data/Users.csv names the staff who become owners. Make them users first (Setup > Users, "
        "one licence each); the wizard then links records to them by the id in the file."
        if users
        else "The source names no staff with an e-mail address: there is no Users file.",
        f"{many:,} staff have no user (see lists/staff_without_user.csv): their records belong to "
        "the person who imports. The provider's own name stays on the record where it is mapped."
        if many
        else "All of the practice's staff are in it.",
    )
    return Section("Step 4: Users and owners", text)


def _import(package: Package, settings: Settings) -> Section:
    by_path = {file.path: file for file in package.files}
    rows: list[tuple[object, ...]] = []
    for number, names in enumerate(package.rounds, 1):
        for name in names:
            file, kept = by_path.get(name), package.folders.get(name, (0, 0))
            module = file.module if file else "Attachments (as a zip file)"
            count, size = (file.rows, file.bytes) if file else kept
            rows.append((number, len(rows) + 1, name, module, count, size))
    table = pd.DataFrame(rows, columns=["Run", "Order", "File", "Module", "Records", "Bytes"])
    limits = settings.limits
    return Section(
        "Step 5: Import in this order",
        (f"A run of the wizard takes {limits.files} files and {limits.total_bytes / 1e9:g} GB, "
         f"{limits.file_bytes / 1e9:g} GB a file; what is larger was split.",),
        (f"Set the time zone of the person who imports to {settings.zone}: times are in the "
         "practice's own zone, without offset.",
         "Setup > Data Administration > Import > Other CRM. Choose the CSV files of the run "
         "below (UTF-8, comma). If you zip them, zip the files alone: folders in a zip fail.",
         "Check that each file stands at the module named below; Contacts_2.csv and the like "
         "belong to the module without the number.",
         "Choose the date format yyyy-MM-dd and, for times, yyyy-MM-dd HH:mm:ss.",
         "Go through the field mapping and compare it with step 6. No column may stay unmapped.",
         "Start the run, wait for its report, and keep its lists of skipped records."),
        table,
    )  # fmt: skip


def _columns(package: Package) -> pd.DataFrame:
    rows = [
        (str(name), _module(package, name), column.label, _type(column),
         f"{MIGRATION_ID} of {' or '.join(map(str, column.lookup))}" if column.lookup else "")
        for name, column in _all_columns(package)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["Object", "Module", "Column = field", "Type", "Holds"])


def _notes(package: Package) -> Section:
    marked = (
        f"{package.marked:,} cells begin with a sign that a spreadsheet would run as a formula and "
        "got an apostrophe in front; lists/apostrophes.csv names record and column. The apostrophe "
        "arrives in Zoho CRM. The check at the end knows of it."
    )
    return Section(
        "Step 7: Notes and texts",
        ("Every note begins with a line of the form [source id | time | author]: Zoho CRM gives "
         "notes no field of their own for that. Leave it: the check finds notes by it. "
         f"“Parent Id” is the {MIGRATION_ID} of the record, “{PARENT_MODULE}” its module.",
         marked if package.marked else "No cell needed an apostrophe against formulas.",
         "Do not open the files in a spreadsheet and save them: it changes dates and numbers."),
    )  # fmt: skip


def _attachments(package: Package) -> Section:
    if not package.folders:
        return Section("Step 8: Attachments", ("The package holds no attachments.",))
    left = ", ".join(f"{count:,} {_FILE_WORDS.get(reason, reason.replace('_', ' '))}"
                     for reason, count in package.left_out.items())  # fmt: skip
    return Section(
        "Step 8: Attachments",
        ("data/Attachments.csv maps each file to its record; the files lie in the folders "
         "attachments_1 and so on.",
         f"Left out: {left or 'nothing'} (lists/files_left_out.csv)."),
        ("Zip the content of each attachments folder, files alone, without the folder.",
         "Upload it in the same run as the records it belongs to, with the mapping file.",
         "If the wizard refuses the mapping file's columns, map Parent ID and File Name by hand."),
    )  # fmt: skip


def _by_hand(package: Package, shaped: ShapedDataset, mapping: Mapping) -> Section:
    steps = []
    if rules := sum(shaped.rows(one.object) for one in mapping.objects
                    if one.landing is Landing.REFERENCE):  # fmt: skip
        steps.append(f"Reminder and recall rules to rebuild: {rules:,}. Begin with {REFERENCE}; "
                     "each rule has a page with its steps.")  # fmt: skip
    left = {name: shaped.excluded(name) for name in ObjectName if shaped.excluded(name)}
    if left:
        counts = ", ".join(f"{name} {count:,}" for name, count in left.items())
        steps.append(f"Rows that do not move: {counts}. lists/rows_left_out.csv says why, and what "
                     "would cure each.")  # fmt: skip
    if over := package.left_out.get(str(Reason.FILE_OVERSIZE)):
        steps.append(f"Files that are too large: {over:,}. Put them into the practice's own "
                     "storage.")  # fmt: skip
    return Section("Step 9: By hand", ("Nothing.",) if not steps else (), tuple(steps))


def _check() -> Section:
    return Section(
        "Step 10: Check what arrived",
        ("The check compares every record and field with what was to arrive: missing, twice, "
         "other values.",),
        ("Setup > Data Administration > Data Backup: request a backup. Its links work for 7 days.",
         "Download all parts (Data_001.zip and so on).",
         "migrator reconcile DIR --from-export Data_001.zip",
         "Mend what it names. Then activate automation again and delete this package."),
    )  # fmt: skip


def _all_columns(package: Package) -> list[tuple[ObjectName, CsvColumn]]:
    return [(name, column) for name, columns in package.fields.items() for column in columns]


def _type(column: CsvColumn) -> str:
    return _TYPES.get(column.data_type, column.data_type.capitalize())


def _module(package: Package, name: ObjectName) -> str:
    return next((file.module for file in package.files if file.object == name.value), "")
