"""One object's mapping: key, parents, owner, assigned fields, and what Zoho CRM requires."""

from __future__ import annotations

from migrator_kit.mapping.model import (
    FieldMapping,
    MissingParent,
    ObjectMapping,
    ObjectName,
    Step,
)
from migrator_kit.mapping.objects import quoted
from migrator_kit.mapping.propose.catalogue import catalogue, defined
from migrator_kit.mapping.propose.earlier import NOTHING, Earlier
from migrator_kit.mapping.propose.fields import (
    Candidate,
    Rows,
    assign,
    candidates_of,
    own_row,
    score_candidates,
)
from migrator_kit.mapping.propose.found import Found
from migrator_kit.mapping.propose.hints import asked, remembered
from migrator_kit.mapping.propose.joins import Draft, draft_of, parent_columns, person_names
from migrator_kit.mapping.propose.language_model import LanguageModel
from migrator_kit.mapping.propose.tables import TableOfObject
from migrator_kit.privacy import DataClass
from migrator_kit.source.contents import Content
from migrator_kit.source.naming import words
from migrator_kit.source.relations import Relation

_PARENTS: dict[ObjectName, dict[str, tuple[ObjectName, ...]]] = {
    ObjectName.PATIENT: {"Account_Name": (ObjectName.PRACTICE,)},
    ObjectName.PLAN: {
        "Contact_Name": (ObjectName.PATIENT,), "Account_Name": (ObjectName.PRACTICE,),
    },
    ObjectName.APPOINTMENT: {
        "Who_Id": (ObjectName.PATIENT,), "What_Id": (ObjectName.PLAN, ObjectName.PRACTICE),
    },
    ObjectName.CALL_LOG: {"Who_Id": (ObjectName.PATIENT,)},
    ObjectName.NOTE: {"Parent_Id": (ObjectName.PLAN, ObjectName.PATIENT)},
    ObjectName.ATTACHMENT: {"Parent_Id": (ObjectName.PLAN, ObjectName.PATIENT)},
}  # fmt: skip
"""Fields that point to other records, by object."""
_PROVIDER_NAME = {
    ObjectName.PATIENT: "Provider_Name__c", ObjectName.PLAN: "Provider_Name__c",
    ObjectName.APPOINTMENT: "Task_Provider_Name__c", ObjectName.CALL_LOG: "Event_Provider_Name__c",
}  # fmt: skip
_TIMES = (Content.DATE, Content.DATETIME)
_END_MINUTES = 5
_FILES = frozenset(("file", "filename", "path"))
_ORDERS = ("ordinal", "priority", "rank", "sequence")


class Builder:
    """Makes the mapping of one object out of its table."""

    def __init__(
        self, found: Found, one: TableOfObject, objects: dict[ObjectName, TableOfObject],
        staff: str | None, labels: set[str], *, earlier: Earlier = NOTHING,
        language_model: LanguageModel | None = None,
    ) -> None:  # fmt: skip
        self.found, self.one, self.objects, self.staff = found, one, objects, staff
        self.draft: Draft = draft_of(found, one)
        self.rows = Rows(one.object, labels)
        self.used: set[str] = set()
        self.author: str | None = None
        self.earlier = earlier
        self.language_model = language_model

    def build(self) -> ObjectMapping | None:
        """Return the object's mapping, or None where Zoho CRM would take none of its records."""
        name = self.one.object
        parents = parent_columns(self.found, self.one.table, self.objects)
        item = next(f.item for f in catalogue() if f.object is name)
        if name is ObjectName.INSURANCE:
            if ObjectName.PATIENT not in parents:
                return None
            self._insured(parents[ObjectName.PATIENT])
        else:
            self._key(item)
            if not self._references(parents):
                return None
        self._owner()
        closed = set(_PARENTS.get(name, {})) | {"Owner", item.key or ""}
        closed |= {row.target for row in self.rows.rows}
        candidates = candidates_of(self.found, self.one, self.draft, self.used)
        scored = score_candidates(self.found, self.one, candidates, closed)
        hints = list(remembered(self.earlier, name, candidates, scored))
        if self.language_model:
            hints += asked(self.language_model, candidates, scored)
        assign(self.rows, self.one, candidates, scored, hints)
        if not self._complete():
            return None
        return item.model_copy(update={"select": self.draft.sql(), "fields": tuple(self.rows.rows)})

    def source(self, column: str) -> str:
        """Return a column of the object's table as `table.column`."""
        return f"{self.one.table}.{column}"

    def _key(self, item: ObjectMapping) -> None:
        if item.key is None:
            self.used.add(self.draft.key)
            return
        row = own_row(self.one.object, item.key)
        self.rows.add(row.model_copy(update={
            "columns": ("source_id",), "sources": (self.source(self.draft.key),),
            "confidence": self.one.confidence, "reasons": ("the key of the table",),
        }))  # fmt: skip

    def _references(self, parents: dict[ObjectName, Relation]) -> bool:
        """Add the rows that point to other records. Returns False where a needed one is missing."""
        for target, wanted in _PARENTS.get(self.one.object, {}).items():
            row = own_row(self.one.object, target)
            present = [parent for parent in wanted if parent in parents]
            if not present:
                if row.required:
                    return False
                continue
            relations = [parents[parent] for parent in present]
            columns = [r.from_columns[0] for r in relations]
            given = tuple(self.draft.reference(f"{parent.name.lower()}_ref", column)
                          for parent, column in zip(present, columns, strict=True))  # fmt: skip
            self.used |= set(columns)
            told = "; ".join(relations[0].reasons)
            self.rows.add(row.model_copy(update={
                "columns": given, "sources": tuple(self.source(c) for c in columns),
                "lookup": tuple(present), "transform": (),
                "on_missing": row.on_missing if row.required else MissingParent.UNLINK,
                "confidence": min(r.confidence for r in relations), "custom_column": False,
                "reasons": (f"points to '{relations[0].to_table}'", told),
            }))  # fmt: skip
        return True

    def _insured(self, patient: Relation) -> None:
        """Insurance lands in its patient: the patient's key, and the order of several policies."""
        column = patient.from_columns[0]
        parent = self.draft.reference("parent_id", column)
        if parent != "parent_id":
            self.draft.given["parent_id"] = self.draft.given.pop(parent)
        names = [c.name for c in self.found.tables[self.one.table].columns]
        order = next((name for name in names if name.lower() in _ORDERS), None)
        by = f"row_number() OVER (ORDER BY m.{quoted(self.draft.key)})"
        if order:
            by = f"coalesce(try_cast(m.{quoted(order)} AS INTEGER), 99)"
        self.draft.give("slot_order", by)
        used = [self.draft.key, column, *([order] if order else [])]
        self.used |= set(used)
        row = own_row(ObjectName.INSURANCE, "Insurance_Policy_ID__c")
        self.rows.add(row.model_copy(update={
            "columns": ("source_id",), "sources": tuple(self.source(c) for c in used),
            "confidence": self.one.confidence, "reasons": ("the key of the policy",),
        }))  # fmt: skip

    def _owner(self) -> None:
        """Add the owner: the column that points to the staff, and the member's name beside it."""
        pointing = [r for r in self.found.references(self.one.table).values()
                    if r.to_table == self.staff and r.from_columns[0] not in self.used]  # fmt: skip
        if not pointing or self.staff is None:
            return
        relation = max(pointing, key=lambda r: (r.confidence, r.rows))
        column = relation.from_columns[0]
        names = person_names(self.found, self.staff)
        given = self.draft.joined(relation, "provider_name", names) if names else None
        self.author = given
        if self.one.object in (ObjectName.NOTE, ObjectName.ATTACHMENT, ObjectName.INSURANCE):
            return
        self.used.add(column)
        if self.one.object is not ObjectName.PRACTICE:
            self.rows.add(FieldMapping(
                target="Owner", columns=(self.draft.reference("owner_key", column),),
                sources=(self.source(column),), transform=(Step(name="owner"),),
                confidence=relation.confidence,
                reasons=(f"points to the staff in '{self.staff}'",),
            ))  # fmt: skip
        if given and (target := _PROVIDER_NAME.get(self.one.object)):
            row = defined(self.one.object, target)[1]
            self.rows.add(row.model_copy(update={"columns": (given,), "sources": ()}))

    def _complete(self) -> bool:
        """Fill what Zoho CRM requires. Returns False where that is not possible."""
        completing = {
            ObjectName.PRACTICE: self._named, ObjectName.PATIENT: self._named,
            ObjectName.PLAN: self._plan, ObjectName.APPOINTMENT: self._appointment,
            ObjectName.CALL_LOG: self._call, ObjectName.NOTE: self._note,
            ObjectName.ATTACHMENT: self._file,
        }  # fmt: skip
        step = completing.get(self.one.object)
        return step() if step else True

    def _row(self, target: str) -> FieldMapping | None:
        return next((row for row in self.rows.rows if row.target == target), None)

    def _replace(self, target: str, **update: object) -> None:
        self.rows.rows = [row.model_copy(update=update) if row.target == target else row
                          for row in self.rows.rows]  # fmt: skip

    def _fallback(self, target: str, *columns: str, steps: tuple[Step, ...] = ()) -> None:
        row = own_row(self.one.object, target)
        self.rows.add(row.model_copy(update={
            "columns": columns, "sources": (), "transform": steps, "values": {}, "lookup": (),
            "confidence": 0.3, "reasons": ("Zoho CRM requires it, and no column was found for it",),
        }))  # fmt: skip

    def _named(self) -> bool:
        target = "Account_Name" if self.one.object is ObjectName.PRACTICE else "Last_Name"
        if not self.rows.has(target):
            self._fallback(target, "source_id")
        return True

    def _plan(self) -> bool:
        title = self._row("Deal_Name")
        own = title.columns[0] if title else None
        given = self.draft.titled("plan_title", self._plain(own), "Treatment plan")
        steps = own_row(ObjectName.PLAN, "Deal_Name").transform
        template = Step(name="template", options={
            "template": f"{{{given}}} ({{source_id}})", "limits": {given: 90},
        })  # fmt: skip
        if title is None:
            self._fallback("Deal_Name", given, "source_id", steps=(template,))
        else:
            self._replace(
                "Deal_Name", columns=(given, "source_id"), transform=(template, *steps[1:])
            )
        stage = self._row("Stage")
        if stage is None:
            row = own_row(ObjectName.PLAN, "Stage")
            self.rows.add(row.model_copy(update={
                "columns": (), "sources": (), "transform": (), "values": {},
                "constant": "Qualification", "confidence": 0.3,
                "reasons": ("no column tells how far a plan is",),
            }))  # fmt: skip
        return True

    def _appointment(self) -> bool:
        if not (self.rows.has("Due_Date") or self.rows.has("Appointment_Time__c")):
            self._time("Appointment_Time__c")
        subject = self._row("Subject")
        own = subject.columns[0] if subject else None
        given = self.draft.titled("subject_text", self._plain(own), "Appointment")
        if subject is None:
            steps = own_row(ObjectName.APPOINTMENT, "Subject").transform
            self._fallback("Subject", given, steps=steps)
        else:
            self._replace("Subject", columns=(given,))
        for has, other in (
            ("Due_Date", "Appointment_Time__c"),
            ("Appointment_Time__c", "Due_Date"),
        ):
            row = self._row(has)
            if row is not None and not self.rows.has(other):
                twin = own_row(ObjectName.APPOINTMENT, other)
                self.rows.add(twin.model_copy(update={
                    "columns": row.columns, "sources": (), "confidence": row.confidence,
                    "reasons": ("a task is due on a day: the time of day has a field of its own",),
                }))  # fmt: skip
        return True

    def _call(self) -> bool:
        start = self._row("Start_DateTime") or self._time("Start_DateTime")
        if start is None:
            return False
        title = self._row("Event_Title")
        own = title.columns[0] if title else None
        given = self.draft.titled("title_text", self._plain(own), "Call")
        if title is None:
            self._fallback("Event_Title", given)
        else:
            self._replace("Event_Title", columns=(given,))
        end = self._row("End_DateTime")
        steps = (Step(name="end_time", options={"default_minutes": _END_MINUTES}),)
        if end is None:
            self._fallback("End_DateTime", *start.columns, steps=steps)
        else:
            kind = self._content(end.columns[0])
            if kind in _TIMES:
                self._replace("End_DateTime", transform=(Step(name="datetime"),))
            else:
                unit = "seconds" if "sec" in end.columns[0].lower() else "minutes"
                timed = Step(name="end_time",
                             options={"unit": unit, "default_minutes": _END_MINUTES})  # fmt: skip
                self._replace("End_DateTime", columns=(*start.columns, *end.columns),
                              transform=(timed,))  # fmt: skip
        return True

    def _time(self, target: str) -> FieldMapping | None:
        """Give a field the time that fits it next best: the first one that is no time stamp."""
        times = {c.name for c in self.found.tables[self.one.table].columns
                 if c.content in _TIMES and c.data_class is not DataClass.TECHNICAL}  # fmt: skip
        row = next((r for r in self.rows.rows if r.create and set(r.columns) & times), None)
        if row is None:
            return None
        known = own_row(self.one.object, target)
        self.drop(row.target)
        self.rows.add(known.model_copy(update={
            "columns": row.columns, "sources": row.sources, "confidence": 0.4,
            "reasons": ("the first time of the table that is no time stamp",),
        }))  # fmt: skip
        return self._row(target)

    def drop(self, target: str) -> None:
        """Take a row back, and what was proposed with it."""
        self.rows.rows = [row for row in self.rows.rows if row.target != target]
        self.rows.proposals = [one for one in self.rows.proposals if one.field != target]

    def _note(self) -> bool:
        """Give a note its marker: source id, time, author, text."""
        body = self._body()
        if body is None:
            return False
        time = self._noted_at()
        self.rows.left = [pair for pair in self.rows.left if pair[0] not in (body, time)]
        noted = time.given if time else self.draft.give("noted_at", "NULL::VARCHAR")
        by = f"j{len(self.draft.joins)}" if self.author else None
        told = self.draft.given[self.author] if by and self.author else "NULL"
        author = self.draft.give("author", f"coalesce({told}, 'author not recorded')")
        title = self.draft.give("note_title", "'Clinical note ' || source_id")
        row = own_row(ObjectName.NOTE, "Note_Content")
        earlier = self._row("Note_Content")
        self.drop("Note_Content")
        self.drop("Note_Title")
        sources = [self.source(self.draft.key), *(time.sources if time else ()), *body.sources]
        reasons = earlier.reasons if earlier else ("the longest text of the table",)
        self.rows.add(row.model_copy(update={
            "columns": ("source_id", noted, author, body.given), "sources": tuple(sources),
            "confidence": earlier.confidence if earlier else 0.5, "reasons": reasons,
        }))  # fmt: skip
        known = own_row(ObjectName.NOTE, "Note_Title")
        self.rows.add(known.model_copy(update={"columns": (title,), "sources": ()}))
        return True

    def _noted_at(self) -> Candidate | None:
        """Return when a note was written: the time taken for its text, or one left over."""
        profiles = {c.name: c for c in self.found.tables[self.one.table].columns}
        row = self._row("Note_Content")
        name = row.columns[0] if row else ""
        if name in profiles and profiles[name].content in _TIMES:
            return Candidate(profiles[name], name, (self.source(name),))
        return next((c for c, _ in self.rows.left if c.profile.content in _TIMES), None)

    def _body(self) -> Candidate | None:
        """Return the text of a note: the column assigned to it, or the longest text there is."""
        profiles = {c.name: c for c in self.found.tables[self.one.table].columns}
        for row in (self._row("Note_Content"), self._row("Note_Title")):
            name = row.columns[0] if row else ""
            if name in profiles and profiles[name].content not in _TIMES:
                return Candidate(profiles[name], name, (self.source(name),))
        texts = [c for c, _ in self.rows.left if (c.profile.max_length or 0) > 20
                 and c.profile.content not in _TIMES]  # fmt: skip
        return max(texts, key=lambda c: c.profile.max_length or 0, default=None)

    def _file(self) -> bool:
        path = self._row("file_path") or self._named_file()
        if path is None:
            return False
        self._replace("file_path", required=True)
        row = own_row(ObjectName.ATTACHMENT, "File_Name")
        self.rows.add(row.model_copy(update={"columns": path.columns, "sources": ()}))
        return True

    def _named_file(self) -> FieldMapping | None:
        """Give the path of the file the first column whose name speaks of files."""
        expand = self.found.schema.expand
        taken = [(row.columns[0], row.sources) for row in self.rows.rows
                 if len(row.columns) == 1 and not row.lookup]  # fmt: skip
        free = [(one.given, one.sources) for one, _ in self.rows.left if one.profile.filled]
        for given, sources in (*taken, *free):
            column = sources[0].partition(".")[2] if sources else ""
            if _FILES & set(expand(words(column))):
                for row in [row for row in self.rows.rows if row.columns == (given,)]:
                    self.drop(row.target)
                self.rows.left = [pair for pair in self.rows.left if pair[0].given != given]
                self.rows.add(own_row(ObjectName.ATTACHMENT, "file_path").model_copy(update={
                    "columns": (given,), "sources": sources, "confidence": 0.5,
                    "reasons": ("its name speaks of files",),
                }))  # fmt: skip
                return self._row("file_path")
        return None

    def _plain(self, given: str | None) -> str | None:
        """Return a column of the table itself; None for one that a join gives."""
        names = {column.name for column in self.found.tables[self.one.table].columns}
        return given if given in names else None

    def _content(self, given: str) -> Content:
        columns = {column.name: column for column in self.found.tables[self.one.table].columns}
        return columns[given].content if given in columns else Content.TEXT
