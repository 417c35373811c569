// Errors and warnings, the newest first.

function draw(model, el) {
  const { lines, offset } = model.get("state");
  if (!lines) return el.replaceChildren();
  const shown = lines.slice(0, 12);
  const row = (line) => h("li", { class: `fnb-${line.level}` },
    h("time", { datetime: new Date(line.time * 1000).toISOString() }, clock(line.time, offset)),
    h("p", {}, line.name ? h("b", { title: line.image }, line.name, " ") : "", line.message || line.event));
  return el.replaceChildren(
    h("h2", {}, "Errors", h("small", {}, lines.length ? "newest first" : "none")),
    h("ul", { class: "fnb-lines" }, shown.map(row)),
    lines.length > shown.length
      ? h("details", {}, h("summary", {}, `${lines.length - shown.length} older`),
        h("ul", { class: "fnb-lines" }, lines.slice(shown.length).map(row))) : "");
}

function render({ model, el }) {
  el.classList.add("fnb", "fnb-card", "fnb-log");
  const content = el.appendChild(h("div", {}));
  return follow(model, ["state"], () => draw(model, content));
}

export default { render };
