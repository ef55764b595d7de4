// One screen for the review of a mapping: filter, read, confirm or reject, by mouse or keyboard.
const COLUMNS = [
  ["object", "Object"], ["columns", "From"], ["target", "To"], ["transform", "Transform"],
  ["state", "State"],
];
// What stands in smaller type below a cell's own text.
const BELOW = { target: "reasons", transform: "data_class", state: "decided" };

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function button(name, text, onclick) {
  return element("button", { className: `mt-${name}`, type: "button", textContent: text, onclick });
}

function cell(entry, key) {
  const node = element("td", { className: `mt-${key}` }, element("div", { textContent: entry[key] }));
  const below = entry[BELOW[key]];
  if (below) node.append(element("div", { className: "mt-below", textContent: below }));
  return node;
}

function render({ model, el }) {
  let selected = 0;
  let next = null; // the row decided by key: the one after it is looked at next
  let waiting = null; // a decision that lacks its name or its reason
  const find = element("input", { className: "mt-find", placeholder: "Filter rows", ariaLabel: "Filter rows" });
  const open = element("input", { type: "checkbox", className: "mt-open" });
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
  const scroll = element("div", { className: "mt-scroll", tabIndex: 0, ariaLabel: "Mapping rows", role: "region" },
    element("table", {}, element("thead", {}, head), body));
  el.classList.add("mapping-table");
  el.append(
    element("div", { className: "mt-bar" }, find, element("label", {}, open, " only open"), by, note, confirmShown),
    scroll,
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

  function filter() {
    const wanted = find.value.trim().toLowerCase();
    for (const row of body.children) {
      const decided = row.dataset.state === "confirmed";
      row.hidden = (open.checked && decided) || (wanted && !row.dataset.text.includes(wanted));
    }
    confirmShown.textContent = `Confirm all shown (${undecided().length})`;
  }

  function mark(index) {
    const rows = shown();
    for (const row of body.children) row.classList.remove("mt-selected");
    if (!rows.length) return;
    selected = Math.max(0, Math.min(index, rows.length - 1));
    const row = rows[selected];
    row.classList.add("mt-selected");
    // Only this box scrolls; scrollIntoView would move the notebook as well.
    const above = row.offsetTop - head.offsetHeight;
    const below = row.offsetTop + row.offsetHeight - scroll.clientHeight;
    scroll.scrollTop = Math.min(above, Math.max(below, scroll.scrollTop));
  }

  function paint() {
    const focused = body.contains(document.activeElement);
    const entries = model.get("rows");
    body.replaceChildren(...entries.map((entry) => {
      const yes = button("yes", "Confirm", () => decide("confirmed", [entry.id]));
      const no = button("no", "Reject", () => decide("rejected", [entry.id]));
      const row = element("tr", {}, ...COLUMNS.map(([key]) => cell(entry, key)), element("td", { className: "mt-decide" }, yes, no));
      row.dataset.id = entry.id;
      row.dataset.state = entry.state;
      row.dataset.text = COLUMNS.map(([key]) => [entry[key], entry[BELOW[key]]].join(" ")).join(" ").toLowerCase();
      row.onclick = () => mark(shown().indexOf(row));
      return row;
    }));
    const count = (state) => entries.filter((entry) => entry.state === state).length;
    standing.textContent = `${count("confirmed")} of ${entries.length} rows confirmed, ${count("rejected")} rejected`;
    filter();
    mark(next !== null && shown()[selected]?.dataset.id === next ? selected + 1 : selected);
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

  find.oninput = refilter;
  open.onchange = refilter;
  by.onkeydown = goOn;
  note.onkeydown = goOn;
  scroll.onkeydown = (event) => {
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
  model.on("change:message", tell);
  paint();
  return () => {
    model.off("change:rows", paint);
    model.off("change:message", tell);
  };
}

export default { render };
