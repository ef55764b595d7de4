// One record of the engagement, found by its object and source id.
function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function render({ model, el }) {
  const objects = element("select", { className: "rf-object", ariaLabel: "Object" });
  for (const name of model.get("objects")) objects.append(element("option", { textContent: name }));
  const key = element("input", { className: "rf-id", placeholder: "Source id", ariaLabel: "Source id" });
  const button = element("button", { className: "rf-find", type: "submit", textContent: "Show" });
  const bar = element("form", { className: "rf-bar" }, objects, key, button);
  const message = element("div", { className: "rf-message", role: "status" });
  const record = element("div", { className: "rf-record jp-RenderedHTMLCommon jp-OutputArea-output" });
  el.classList.add("record-finder");
  el.append(bar, message, record);
  objects.value = model.get("object");
  key.value = model.get("source_id");

  bar.onsubmit = (event) => {
    event.preventDefault();
    if (!key.value.trim()) {
      message.textContent = "Enter the id that the record has in the source.";
      key.focus();
      return;
    }
    message.textContent = "Working …";
    button.disabled = true;
    model.send({ kind: "find", object: objects.value, source_id: key.value.trim() });
  };
  // Keys that reach JupyterLab's command mode would edit the notebook ("b" adds a cell). Saving
  // stays the notebook's.
  el.addEventListener("keydown", (event) => {
    if (!((event.ctrlKey || event.metaKey) && event.key === "s")) event.stopPropagation();
  });
  const tell = () => {
    const told = model.get("message");
    if (!told) return;
    message.textContent = told;
    button.disabled = false;
  };
  const show = () => { record.innerHTML = model.get("shown"); };
  model.on("change:message", tell);
  model.on("change:shown", show);
  tell();
  show();
  return () => {
    model.off("change:message", tell);
    model.off("change:shown", show);
  };
}

export default { render };
