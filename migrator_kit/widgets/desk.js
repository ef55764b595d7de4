// The way of a migration: a row for each step, its state, its buttons, its progress.
function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function address(path) {
  const told = document.getElementById("jupyter-config-data")?.textContent;
  const base = told ? JSON.parse(told).baseUrl ?? "/" : "/";
  return `${base}lab/tree/${path.split("/").map(encodeURIComponent).join("/")}`;
}

// Within JupyterLab a file opens beside this page; elsewhere the link leads to it.
function opener(path, text, className) {
  const link = element("a", { href: address(path), target: "_blank", rel: "noopener", textContent: text, className });
  link.onclick = (event) => {
    if (!window.jupyterapp) return;
    event.preventDefault();
    window.jupyterapp.commands.execute("docmanager:open", { path });
  };
  return link;
}

const spoken = (count) => count.toLocaleString("en-US");

function progress(now) {
  const bar = element("progress");
  if (now.total) Object.assign(bar, { max: now.total, value: Math.min(now.done, now.total) });
  const counted = now.done ? `: ${spoken(now.done)}${now.total ? ` of ${spoken(now.total)}` : ""}` : "";
  const text = now.title ? `${now.title}${counted}` : now.told;
  return element("div", { className: "dk-progress", role: "status" }, bar, element("span", { textContent: text }));
}

function render({ model, el }) {
  el.classList.add("desk");
  const list = element("ol", { className: "dk-stops" });
  const message = element("div", { className: "dk-message", role: "alert" });
  const headline = element("p", { className: "dk-headline" });
  el.append(headline, list, message);

  function row(stop, number) {
    const now = model.get("now");
    const own = now?.name === stop.name ? now : null;
    const running = own?.running;
    const state = running ? "running" : stop.state;
    const item = element("li", { className: "dk-stop" });
    Object.assign(item.dataset, { name: stop.name, state });
    if (model.get("next") === stop.name) item.classList.add("dk-next");
    const head = element("div", { className: "dk-head" },
      element("span", { className: "dk-number", textContent: number }),
      element("span", { className: "dk-title", textContent: stop.title }),
      element("span", { className: "dk-state", textContent: state }),
      element("span", { className: "dk-told", textContent: stop.told }));
    const tools = element("div", { className: "dk-tools" });
    if (running) {
      const stopping = own.told.startsWith("Stopping");
      const button = element("button", { type: "button", className: "dk-cancel", textContent: "Cancel", disabled: stopping });
      button.onclick = () => { button.disabled = true; model.send({ kind: "cancel" }); };
      tools.append(button);
    } else if (stop.action) {
      const button = element("button", { type: "button", className: "dk-run", textContent: stop.action, disabled: Boolean(now?.running) });
      const by = element("input", { className: "dk-by", placeholder: "Your name", ariaLabel: "Your name" });
      const note = element("input", { className: "dk-note", placeholder: "Reason", ariaLabel: "Reason" });
      if (stop.asks) tools.append(by, note);
      button.onclick = () => {
        if (stop.asks && !by.value.trim()) {
          message.textContent = "Enter your name: every decision carries who made it.";
          by.focus();
          return;
        }
        message.textContent = "";
        button.disabled = true;
        model.send({ kind: "run", name: stop.name, by: by.value.trim(), note: note.value.trim() });
      };
      tools.append(button);
    }
    if (stop.notebook) tools.append(opener(stop.notebook, "Open notebook", "dk-notebook"));
    if (stop.page) tools.append(opener(stop.page, "Read the page", "dk-page"));
    item.append(head, element("div", { className: "dk-answers", textContent: stop.answers }));
    if (running) item.append(progress(own));
    else if (own?.told) item.append(element("div", { className: `dk-outcome dk-${own.state.split(" ")[0]}`, role: "status", textContent: own.told }));
    item.append(tools);
    return item;
  }

  // A button that is being pressed must not be replaced: only rows that changed are drawn anew.
  let drawn = [];
  function draw() {
    const stops = model.get("stops");
    const keys = stops.map((stop, place) => JSON.stringify([
      stop, place, model.get("next") === stop.name, Boolean(model.get("now")?.running),
      model.get("now")?.name === stop.name ? model.get("now") : null]));
    stops.forEach((stop, place) => {
      if (keys[place] === drawn[place]) return;
      const fresh = row(stop, place + 1);
      if (list.children[place]) list.replaceChild(fresh, list.children[place]);
      else list.append(fresh);
    });
    drawn = keys;
    headline.hidden = !model.get("headline");
    headline.textContent = model.get("headline");
    message.textContent = model.get("message");
  }

  el.addEventListener("keydown", (event) => {
    if (!((event.ctrlKey || event.metaKey) && event.key === "s")) event.stopPropagation();
  });
  // Whoever comes back to this page from another one sees how things stand by then.
  let left = false;
  const watch = new IntersectionObserver(([seen]) => {
    if (seen.isIntersecting && left && !model.get("now")?.running) model.send({ kind: "look" });
    left = !seen.isIntersecting && !seen.boundingClientRect.width;
  });
  watch.observe(el);
  const names = ["stops", "now", "next", "headline", "message"].map((name) => `change:${name}`);
  for (const name of names) model.on(name, draw);
  draw();
  return () => {
    watch.disconnect();
    for (const name of names) model.off(name, draw);
  };
}

export default { render };
