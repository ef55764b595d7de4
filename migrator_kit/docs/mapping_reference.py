"""The mapping reference: the registry of transforms and their examples as one page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from migrator_kit.mapping.transforms import REGISTRY, Locale, Transform, find, read_options, run
from migrator_kit.yamlfile import load_tree, plain

EXAMPLES = Path(__file__).parent / "transform_examples.yml"
LOCALE = Locale("UTC", "US")
"""Where the practice of the examples is, unless an example says otherwise."""

_HEAD = """\
# Mapping reference

`mapping.yml` says for every column of the source what becomes of it. A row fills one field:

```yaml
- target: Mobile                  # API name; with __c, the logical name of a field to create
  columns: [mobile, phone]        # columns of the SELECT, in the order the first step takes
  sources: [patients.mobile]      # columns of the source that the row disposes of
  transform: [first, phone: {region: GR}]   # a name, a name with options, or several in order
```

| Key of a row | Means |
|---|---|
| `constant` | what every record gets, instead of `columns` |
| `values` | the value map of a picklist: source value to target value, empty for nothing |
| `lookup` | the objects whose records the columns point to |
| `on_missing` | `exclude` or `unlink` a record whose parent does not move |
| `on_conflict` | `source`, `target` or `ask`, where both sides changed the field since the load |
| `required` | a record without a value does not move |
| `module` | the row holds only while its object lands in this module |
| `create` | the custom field that is made for it: `label`, `data_type`, `length`, `unique` |
| `decision` | who decided the row and when; nothing moves without it |

Editors that know YAML schemas complete and check the file: its first line names the schema, which
lies in `schemas/` beside it.

## Appointments as events, calls as calls

Appointments land as Tasks and call logs as Events. The line `module:` of the object decides: with
`module: Events` for appointments, or `module: Calls` for call logs, the rows that name a module
follow it, and each module has its own key field. Changed rows wait for a confirmation.

## Transforms

Every transform takes columns and options and gives a value, or a reason why not. An empty value
stays empty and has no reason. A reason beside a value means: it arrives changed. All reasons stand
in the [error catalogue](errors.md).

### Of one practice alone

What only this practice writes into its columns is read by a transform of its own: a Python file
`transforms.py` beside `mapping.yml`. Its transforms are named in rows like any other, checked,
sampled and tested in `mapping_tests.yml` like any other; a changed file shapes anew and breaks the
sign-off. The file is run whenever the mapping is read, so it deserves the trust that a notebook
does.

```python
import pandas as pd

from migrator_kit.mapping.transforms import (
    Options,
    RejectReason,
    Transformed,
    no_reasons,
    one_column,
)


@one_column("card_number", version=1)
def card_number(values: pd.Series, options: Options) -> Transformed:
    "The left half of card numbers such as 12-34."
    found = values.str.extract(r"^(\\d+)-\\d+$")[0]
    return Transformed(found, no_reasons(values.index).mask(found.isna(), RejectReason.BAD_ID))
```

It is given distinct values that are not empty, as text; `@many_columns` gives whole columns. No
value may make it fail. Options are a class below `Options` with typed fields.

### Packaged

"""


def mapping_reference() -> str:
    """Return the page as Markdown."""
    examples = read_examples()
    index = [f"| [`{name}`](#{name}) | {REGISTRY[name].summary} |" for name in sorted(REGISTRY)]
    table = "\n".join(["| Transform | Gives |", "|---|---|", *index])
    sections = [_section(REGISTRY[name], examples[name]) for name in sorted(REGISTRY)]
    return _HEAD + table + "\n\n" + "\n".join(sections)


def read_examples() -> dict[str, Any]:
    """Return the examples by transform: `options`, `columns`, `rows` of given, gives, reason."""
    tree: dict[str, Any] = plain(load_tree(EXAMPLES))
    return tree


def run_example(name: str, example: dict[str, Any]) -> list[tuple[Any, str | None]]:
    """Return what a transform makes of the rows of its example: value and reason for each."""
    rows = [row["given"] for row in example["rows"]]
    names = example.get("columns") or list("abcdef")
    columns = [
        pd.Series([row[place] for row in rows], dtype="str", name=names[place])
        for place in range(len(rows[0]))
    ]
    options = read_options(name, example.get("options", {}), LOCALE)
    values, reasons = run(find(name), columns, options)
    return [
        (_plain(value), None if pd.isna(reason) else str(reason))
        for value, reason in zip(values.array, reasons.array, strict=True)
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    if pd.isna(value):
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)


def _section(transform: Transform, example: dict[str, Any]) -> str:
    takes = "several columns" if transform.many else "one column"
    lines = [
        f"### {transform.name}",
        "",
        f"{transform.summary} Takes {takes}, gives `{transform.gives}`, version "
        f"{transform.version}.",
        "",
        *_options(transform),
        *_examples(transform.name, example),
    ]
    return "\n".join([*lines, ""])


def _options(transform: Transform) -> Iterator[str]:
    fields = transform.options.model_fields
    if not fields:
        return
    yield "| Option | Default |"
    yield "|---|---|"
    for name, field in fields.items():
        default = field.get_default(call_default_factory=True)
        if name in ("zone", "region", "day_first") and default is None:
            shown = "as the engagement says"
        elif field.is_required():
            shown = "has to be given"
        else:
            shown = f"`{_code(default)}`"
        yield f"| `{name}` | {shown} |"
    yield ""
    yield " ".join((transform.options.__doc__ or "").split())
    yield ""


def _examples(name: str, example: dict[str, Any]) -> Iterator[str]:
    options = example.get("options", {})
    yield f"With `{name}: {_code(options)}`:" if options else f"With `{name}`:"
    yield ""
    yield "| Given | Gives | Reason |"
    yield "|---|---|---|"
    for row in example["rows"]:
        given = " · ".join(_cell(value) for value in row["given"])
        yield f"| {given} | {_cell(row['gives'])} | {row.get('reason', '')} |"


def _cell(value: Any) -> str:
    return "(empty)" if value is None else f"`{_code(value)}`"


def _code(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    text = text[1:-1].replace('\\"', '"') if isinstance(value, str) else text
    return text.replace("|", "\\|")
