// One screen for the review of a mapping: filter, read, confirm or reject, by mouse or keyboard.
const COLUMNS = [
  ["object", "Object"], ["columns", "From"], ["target", "To"], ["transform", "Transform"],
  ["data_class", "Data class"], ["reasons", "Why"], ["state", "State"],
];

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function render({ model, el }) {
  let selected = 0;
  const find = element("input", { className: "mt-find", placeholder: "Filter rows", ariaLabel: "Filter rows" });
  const open = element("input", { type: "checkbox", className: "mt-open" });
  const by = element("input", { className: "mt-by", placeholder: "Your name", ariaLabel: "Your name" });
  const note = element("input", { className: "mt-note", placeholder: "Reason (optional)", ariaLabel: "Reason" });
  const confirmShown = element("button", { className: "mt-confirm-shown", textContent: "Confirm all shown" });
  const message = element("div", { className: "mt-message", role: "status" });
  const head = element("tr", {}, ...COLUMNS.map(([, title]) => element("th", { textContent: title })), element("th"));
  const body = element("tbody");
  const scroll = element("div", { className: "mt-scroll", tabIndex: 0 },
    element("table", {}, element("thead", {}, head), body));
  el.classList.add("mapping-table");
  el.append(
    element("div", { className: "mt-bar" }, find, element("label", {}, open, " only open"), by, note, confirmShown),
    scroll,
    element("div", { className: "mt-help", textContent: "↑ ↓ move · A confirm · R reject" }),
    message,
  );

  const shown = () => [...body.children].filter((row) => !row.hidden);

  function decide(state, ids) {
    if (!by.value.trim()) {
      message.textContent = "Enter your name first: every decision carries who made it.";
      by.focus();
      return;
    }
    if (ids.length) model.send({ kind: "decide", state, rows: ids, by: by.value.trim(), note: note.value.trim() });
  }

  function filter() {
    const wanted = find.value.toLowerCase();
    for (const row of body.children) {
      const decided = row.dataset.state === "confirmed";
      row.hidden = (open.checked && decided) || (wanted && !row.textContent.toLowerCase().includes(wanted));
    }
  }

  function mark(index) {
    const rows = shown();
    if (!rows.length) return;
    selected = Math.max(0, Math.min(index, rows.length - 1));
    for (const row of body.children) row.classList.remove("mt-selected");
    rows[selected].classList.add("mt-selected");
    rows[selected].scrollIntoView({ block: "nearest" });
  }

  function paint() {
    body.replaceChildren(...model.get("rows").map((entry) => {
      const cells = COLUMNS.map(([key]) => element("td", { textContent: entry[key], className: `mt-${key}` }));
      const yes = element("button", { textContent: "Confirm", className: "mt-yes", onclick: () => decide("confirmed", [entry.id]) });
      const no = element("button", { textContent: "Reject", className: "mt-no", onclick: () => decide("rejected", [entry.id]) });
      const row = element("tr", {}, ...cells, element("td", {}, yes, no));
      row.dataset.id = entry.id;
      row.dataset.state = entry.state;
      row.onclick = () => mark(shown().indexOf(row));
      return row;
    }));
    filter();
    mark(selected);
  }

  find.oninput = filter;
  open.onchange = filter;
  confirmShown.onclick = () => decide("confirmed", shown().map((row) => row.dataset.id));
  scroll.onkeydown = (event) => {
    const id = shown()[selected]?.dataset.id;
    if (event.key === "ArrowDown") mark(selected + 1);
    else if (event.key === "ArrowUp") mark(selected - 1);
    else if (event.key.toLowerCase() === "a" && id) decide("confirmed", [id]);
    else if (event.key.toLowerCase() === "r" && id) decide("rejected", [id]);
    else return;
    event.preventDefault();
  };
  // Keys that reach JupyterLab's command mode would edit the notebook ("b" adds a cell).
  el.addEventListener("keydown", (event) => event.stopPropagation());
  model.on("change:rows", paint);
  model.on("change:message", () => { message.textContent = model.get("message"); });
  paint();
}

export default { render };
