// One screen for the review of a mapping: filter, read, choose, confirm or reject, by mouse or
// keyboard. What is chosen is written at once; the rows come back as they stand in the file.
const COLUMNS = [
  ["object", "Object"], ["columns", "From"], ["target", "To"], ["transform", "Transform"],
  ["confidence", "Sure"], ["state", "State"],
];
// What stands in smaller type below a cell's own text.
const BELOW = { target: "reasons", transform: "sample", state: "decided" };
const STATES = [
  ["", "All states"], ["undecided", "To be decided"], ["open", "Open"], ["changed", "Changed"],
  ["one of two", "One of two"], ["rejected", "Rejected"], ["confirmed", "Confirmed"],
];
const OTHERWISE = " (otherwise)";

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function button(name, text, onclick) {
  return element("button", { className: `mt-${name}`, type: "button", textContent: text, onclick });
}

function picker(name, label, options) {
  return element("select", { className: `mt-${name}`, ariaLabel: label },
    ...options.map(([value, textContent]) => element("option", { value, textContent })));
}

function shownText(entry, key) {
  if (key === "confidence") return entry.confidence.toFixed(2);
  if (key === "sample") return entry.before || entry.after ? `${entry.before} → ${entry.after}` : "";
  return entry[key] ?? "";
}

function cell(entry, key, content) {
  const node = element("td", { className: `mt-${key}` }, content ?? element("div", { textContent: shownText(entry, key) }));
  const below = BELOW[key] && shownText(entry, BELOW[key]);
  if (below) node.append(element("div", { className: "mt-below", textContent: below }));
  return node;
}

// The choices come when they are wanted: hundreds of full lists would make every repaint slow.
function targetChoice(entry, choose) {
  if (!entry.choices.length) return undefined;
  const node = picker("choose", `Target of ${entry.id}`, [[entry.target, entry.target]]);
  const fill = () => {
    if (node.length > 1) return;
    node.append(...entry.choices.map((name) => element("option", { value: name, textContent: name })));
  };
  node.onpointerenter = fill;
  node.onfocus = fill;
  node.onchange = () => choose(node.value);
  return node;
}

// Transform and value map of the selected row.
function detail(entry, send) {
  const parts = [element("div", { className: "mt-of", textContent: entry.id })];
  if (entry.editable) {
    const steps = element("input", { className: "mt-steps", value: entry.steps, ariaLabel: "Transforms",
      placeholder: "as it is" });
    steps.onchange = () => send({ kind: "transform", row: entry.id, text: steps.value });
    parts.push(element("label", { className: "mt-rule" }, "Transforms ", steps));
  }
  if (entry.before || entry.after) {
    parts.push(element("div", { className: "mt-sample" }, element("span", { textContent: `${entry.data_class}: ` }),
      element("code", { textContent: entry.before || "(empty)" }), " → ", element("code", { textContent: entry.after || "(empty)" })));
  }
  if (entry.values.length) parts.push(valueMap(entry, send));
  return parts;
}

function valueMap(entry, send) {
  const offers = element("datalist", { id: `mt-offers-${Math.random().toString(36).slice(2)}` },
    ...entry.offers.map((value) => element("option", { value })));
  const lines = entry.values.map((one, place) => {
    const proposed = one.becomes.endsWith(OTHERWISE);
    const target = element("input", { value: proposed ? "" : one.becomes, ariaLabel: `What ${one.value} becomes`,
      placeholder: proposed ? one.becomes : one.decided ? "" : "undecided" });
    target.setAttribute("list", offers.id);
    target.onchange = () => {
      const becomes = target.value.trim() === "(empty)" ? "" : target.value.trim();
      send({ kind: "value", row: entry.id, place, becomes });
    };
    const line = element("tr", {}, element("td", { textContent: one.value }),
      element("td", { className: "mt-records", textContent: one.records.toLocaleString("en") }), element("td", {}, target));
    line.dataset.place = place;
    line.dataset.decided = one.decided;
    return line;
  });
  const head = ["Value", "Records", "Becomes"].map((textContent) => element("th", { textContent, scope: "col" }));
  return element("div", { className: "mt-values" }, offers,
    element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...lines)));
}

function render({ model, el }) {
  let selected = 0;
  let chosen = null; // the row that the part below the table shows
  let next = null; // the row decided by key: the one after it is looked at next
  let waiting = null; // a decision that lacks its name or its reason
  const objects = [...new Set(model.get("rows").map((row) => row.object).filter(Boolean))];
  const find = element("input", { className: "mt-find", placeholder: "Filter rows", ariaLabel: "Filter rows" });
  const object = picker("of-object", "Object", [["", "All objects"], ...objects.map((name) => [name, name]), ["-", "Does not move"]]);
  const state = picker("of-state", "State", STATES);
  const bound = (name, label, value) => element("input", { className: `mt-${name}`, type: "number", min: 0, max: 1, step: 0.05, value, ariaLabel: label });
  const least = bound("least", "Confidence from", 0);
  const most = bound("most", "Confidence to", 1);
  const by = element("input", { className: "mt-by", placeholder: "Your name", ariaLabel: "Your name" });
  const note = element("input", { className: "mt-note", placeholder: "Reason", ariaLabel: "Reason" });
  const confirmShown = button("confirm-shown", "Confirm all shown", () => {
    decide("confirmed", undecided().map((row) => row.dataset.id));
  });
  const standing = element("span", { className: "mt-standing" });
  const message = element("div", { className: "mt-message", role: "status" });
  const head = element("tr", {}, ...COLUMNS.map(([key, title]) =>
    element("th", { textContent: title, scope: "col", className: `mt-${key}` })), element("th", { ariaLabel: "Decision" }));
  const body = element("tbody");
  const below = element("div", { className: "mt-detail" });
  const scroll = element("div", { className: "mt-scroll", tabIndex: 0, ariaLabel: "Mapping rows", role: "region" },
    element("table", {}, element("thead", {}, head), body));
  el.classList.add("mapping-table");
  el.append(
    element("div", { className: "mt-bar" }, find, object, state,
      element("label", {}, "Sure from", least, "to", most)),
    element("div", { className: "mt-bar" }, by, note, confirmShown),
    scroll,
    below,
    element("div", { className: "mt-foot" },
      element("span", { className: "mt-help", textContent: "↑ ↓ move · A confirm · R reject" }), standing),
    message,
  );

  const shown = () => [...body.children].filter((row) => !row.hidden);
  // What a person confirmed keeps its date; what a person rejected is confirmed one by one.
  const undecided = () => shown().filter((row) => !["confirmed", "rejected"].includes(row.dataset.state));

  function ask(field, text, state, ids) {
    waiting = [state, ids];
    message.textContent = `${text} Enter goes on.`;
    field.focus();
  }

  function decide(state, ids) {
    waiting = null;
    const [who, why] = [by.value.trim(), note.value.trim()];
    if (!ids.length) message.textContent = "No row that is shown waits for a decision.";
    else if (!who) ask(by, "Enter your name: every decision carries who made it.", state, ids);
    else if (state === "rejected" && !why) ask(note, "Enter the reason: a rejection carries why.", state, ids);
    else {
      message.textContent = "Writing …";
      model.send({ kind: "decide", state, rows: ids, by: who, note: why });
      note.value = "";
    }
  }

  function send(content) {
    message.textContent = "Writing …";
    // The row goes by another name once its target is another.
    if (content.kind === "target") chosen = `${content.row.slice(0, content.row.lastIndexOf("."))}.${content.target}`;
    model.send(content);
  }

  function wantedState(row) {
    if (state.value === "undecided") return row.dataset.state !== "confirmed";
    return !state.value || row.dataset.state === state.value;
  }

  function filter() {
    const wanted = find.value.trim().toLowerCase();
    const [from, to] = [Number(least.value || 0), Number(most.value || 1)];
    for (const row of body.children) {
      const sure = Number(row.dataset.confidence);
      row.hidden = !(wantedState(row) && sure >= from && sure <= to
        && (!object.value || row.dataset.object === object.value)
        && (!wanted || row.dataset.text.includes(wanted)));
    }
    confirmShown.textContent = `Confirm all shown (${undecided().length})`;
  }

  function mark(index) {
    const rows = shown();
    for (const row of body.children) row.classList.remove("mt-selected");
    if (!rows.length) {
      show(null);
      return;
    }
    selected = Math.max(0, Math.min(index, rows.length - 1));
    const row = rows[selected];
    row.classList.add("mt-selected");
    show(row.dataset.id);
    // Only this box scrolls; scrollIntoView would move the notebook as well.
    const first = row.offsetTop - head.offsetHeight;
    const last = row.offsetTop + row.offsetHeight - scroll.clientHeight;
    scroll.scrollTop = Math.min(first, Math.max(last, scroll.scrollTop));
  }

  function show(id) {
    const entry = model.get("rows").find((one) => one.id === id);
    chosen = id;
    // What a person types there is not taken away by a click on the same row.
    if (below.dataset.shown === JSON.stringify(entry)) return;
    below.dataset.shown = JSON.stringify(entry) ?? "";
    below.replaceChildren(...(entry ? detail(entry, send) : []));
  }

  const choose = (entry) => (target) => send({ kind: "target", row: entry.id, target });

  function paint() {
    const focused = body.contains(document.activeElement);
    const entries = model.get("rows");
    body.replaceChildren(...entries.map((entry) => {
      const yes = button("yes", "Confirm", () => decide("confirmed", [entry.id]));
      const no = button("no", "Reject", () => decide("rejected", [entry.id]));
      const row = element("tr", {}, ...COLUMNS.map(([key]) => cell(entry, key, key === "target" ? targetChoice(entry, choose(entry)) : undefined)),
        element("td", { className: "mt-decide" }, yes, no));
      row.dataset.object = entry.object || "-";
      row.dataset.confidence = entry.confidence;
      row.dataset.id = entry.id;
      row.dataset.state = entry.state;
      row.dataset.text = COLUMNS.map(([key]) => [shownText(entry, key), BELOW[key] ? shownText(entry, BELOW[key]) : ""].join(" ")).join(" ").toLowerCase();
      row.onclick = () => mark(shown().indexOf(row));
      return row;
    }));
    const count = (state) => entries.filter((entry) => entry.state === state).length;
    standing.textContent = `${count("confirmed")} of ${entries.length} rows confirmed, ${count("rejected")} rejected`;
    filter();
    const place = shown().findIndex((row) => row.dataset.id === chosen);
    if (next !== null && shown()[selected]?.dataset.id === next) mark(selected + 1);
    else mark(next === null && place >= 0 ? place : selected);
    next = null;
    // The button that had the focus is gone; without this, keys would go to the notebook.
    if (focused) scroll.focus({ preventScroll: true });
  }

  function refilter() {
    filter();
    mark(0);
  }

  function goOn(event) {
    if (event.key !== "Enter" || !waiting) return;
    scroll.focus({ preventScroll: true });
    decide(...waiting);
  }

  for (const one of [find, least, most]) one.oninput = refilter;
  for (const one of [object, state]) one.onchange = refilter;
  by.onkeydown = goOn;
  note.onkeydown = goOn;
  scroll.onkeydown = (event) => {
    if (event.target instanceof HTMLSelectElement) return;
    const id = shown()[selected]?.dataset.id;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (key === "arrowdown") mark(selected + 1);
    else if (key === "arrowup") mark(selected - 1);
    else if ((key === "a" || key === "r") && id) {
      next = id;
      decide(key === "a" ? "confirmed" : "rejected", [id]);
    } else return;
    event.preventDefault();
  };
  // Keys that reach JupyterLab's command mode would edit the notebook ("b" adds a cell). Saving
  // stays the notebook's.
  el.addEventListener("keydown", (event) => {
    if (!((event.ctrlKey || event.metaKey) && event.key === "s")) event.stopPropagation();
  });
  const tell = () => { message.textContent = model.get("message"); };
  model.on("change:rows", paint);
  // A choice that was refused: the screen goes back to what stands in the file.
  const refused = (content) => {
    if (content.kind !== "refused") return;
    below.dataset.shown = "";
    paint();
  };
  model.on("change:message", tell);
  model.on("msg:custom", refused);
  paint();
  return () => {
    model.off("change:rows", paint);
    model.off("change:message", tell);
    model.off("msg:custom", refused);
  };
}

export default { render };
