// A question to a person: fields, one button, what came of it.
function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function input({ name, label, options }) {
  const properties = { className: `ab-${name}`, ariaLabel: label };
  if (!options) return element("input", { ...properties, placeholder: label });
  return element("select", properties, ...options.map((text) => element("option", { textContent: text })));
}

function render({ model, el }) {
  const asked = model.get("fields");
  const inputs = asked.map(input);
  const button = element("button", { className: "ab-act", type: "submit", textContent: model.get("action") });
  const form = element("form", { className: "ab-bar" }, ...inputs, button);
  const message = element("div", { className: "ab-message", role: "status" });
  const shown = element("div", { className: "ab-shown jp-RenderedHTMLCommon jp-OutputArea-output" });
  const question = model.get("question");
  el.classList.add("asking-box");
  if (question) el.append(element("p", { className: "ab-question", textContent: question }));
  el.append(form, message, shown);
  asked.forEach(({ value }, n) => { inputs[n].value = value ?? ""; });

  form.onsubmit = (event) => {
    event.preventDefault();
    const missing = asked.findIndex(({ missing }, n) => missing && !inputs[n].value.trim());
    if (missing >= 0) {
      message.textContent = asked[missing].missing;
      inputs[missing].focus();
      return;
    }
    message.textContent = "Working …";
    button.disabled = true;
    model.send({ kind: "answer", ...Object.fromEntries(asked.map(({ name }, n) => [name, inputs[n].value.trim()])) });
  };
  // A decision is made by its button alone: Enter in the field of a name is no consent.
  if (!model.get("by_enter")) {
    form.onkeydown = (event) => { if (event.key === "Enter" && event.target !== button) event.preventDefault(); };
  }
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
  const show = () => { shown.innerHTML = model.get("shown"); };
  model.on("change:message", tell);
  model.on("change:done", tell);
  model.on("change:shown", show);
  tell();
  show();
  return () => {
    model.off("change:message", tell);
    model.off("change:done", tell);
    model.off("change:shown", show);
  };
}

export default { render };
