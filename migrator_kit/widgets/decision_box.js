// One decision of a person: name, reason, button.
function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function render({ model, el }) {
  const by = element("input", { className: "db-by", placeholder: "Your name", ariaLabel: "Your name" });
  const note = element("input", { className: "db-note", placeholder: "Reason", ariaLabel: "Reason" });
  const button = element("button", { className: "db-act", type: "button", textContent: model.get("action") });
  const message = element("div", { className: "db-message", role: "status" });
  el.classList.add("decision-box");
  el.append(
    element("p", { className: "db-question", textContent: model.get("question") }),
    element("div", { className: "db-bar" }, by, note, button),
    message,
  );

  function decide() {
    if (!by.value.trim()) {
      message.textContent = "Enter your name: every decision carries who made it.";
      by.focus();
      return;
    }
    message.textContent = "Working …";
    button.disabled = true;
    model.send({ kind: "decide", by: by.value.trim(), note: note.value.trim() });
  }

  button.onclick = decide;
  // Keys that reach JupyterLab's command mode would edit the notebook ("b" adds a cell). Saving
  // stays the notebook's.
  el.addEventListener("keydown", (event) => {
    if (!((event.ctrlKey || event.metaKey) && event.key === "s")) event.stopPropagation();
  });
  const tell = () => {
    const told = model.get("message");
    if (!told) return;
    message.textContent = told;
    button.disabled = model.get("done");
  };
  model.on("change:message", tell);
  model.on("change:done", tell);
  tell();
  return () => {
    model.off("change:message", tell);
    model.off("change:done", tell);
  };
}

export default { render };
