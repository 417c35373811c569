// The last image: verdict, numbers, pictures; a picture opens large when it is clicked.

function verdict(state) {
  if (state.good === null) return h("span", { class: "fnb-badge" }, "not processed yet");
  if (state.good) return h("span", { class: "fnb-badge fnb-good" }, "✓ good");
  return h("span", { class: "fnb-badge fnb-bad" }, state.error ? "✗ failed" : "✗ not good");
}

function figure(one, url, enlarge) {
  const caption = [h("span", {}, one.title),
    one.blurred ? h("small", {}, "blurred on purpose") : null];
  return h("figure", { class: `fnb-picture fnb-${one.kind}` },
    h("button", { type: "button", "aria-label": `Enlarge: ${one.title}`, onclick: () => enlarge(one, url) },
      h("img", { src: url, alt: one.alt + (one.blurred ? ", blurred on purpose" : ""),
        width: one.width, height: one.height })),
    h("figcaption", {}, caption));
}

function render({ model, el }) {
  el.classList.add("fnb", "fnb-card", "fnb-last");
  const content = el.appendChild(h("div", {}));
  const large = h("dialog", { class: "fnb-large", "aria-label": "Picture", onclick: () => large.close() });
  el.append(large);
  let urls = [];
  const enlarge = (one, url) => {
    large.replaceChildren(h("img", { src: url, alt: one.alt }),
      h("p", {}, one.title, one.blurred ? " (blurred on purpose)" : ""),
      h("button", { type: "button", autofocus: true }, "Close"));
    large.showModal();
  };
  const draw = () => {
    const state = model.get("state");
    if (state.name === undefined) {
      content.replaceChildren(h("h2", {}, "Last image"),
        h("p", { class: "fnb-muted" }, "No image yet. The first one appears here by itself."));
      return;
    }
    const old = urls;
    urls = model.get("pictures").map((bytes) => URL.createObjectURL(new Blob([bytes], { type: "image/png" })));
    content.replaceChildren(
      h("h2", {}, "Last image", verdict(state)),
      h("p", { class: "fnb-name" }, h("b", {}, state.name),
        h("span", { class: "fnb-muted" }, clock(state.recorded, state.offset), " · ", ago(state.recorded))),
      state.reasons.length
        ? h("ul", { class: "fnb-reasons", "aria-label": "Reasons" }, state.reasons.map((r) => h("li", {}, r))) : "",
      h("dl", { class: "fnb-numbers" }, state.numbers.map((one) => {
        const { text, unit } = measured(one);
        return h("div", { title: one.help }, h("dt", {}, one.label),
          h("dd", {}, text, unit ? h("small", {}, ` ${unit}`) : ""));
      })),
      h("div", { class: "fnb-pictures" },
        state.pictures.map((one, i) => urls[i] ? figure(one, urls[i], enlarge) : "")),
      state.pictures.length ? "" : h("p", { class: "fnb-muted" },
        state.error ? "No pictures: its processing failed." : "No pictures yet."));
    // The dialog may still show one of the old pictures.
    if (!large.open) old.forEach((url) => URL.revokeObjectURL(url));
  };
  const ends = [follow(model, ["state"], draw), countOn(content)];
  return () => { ends.forEach((end) => end()); urls.forEach((url) => URL.revokeObjectURL(url)); };
}

export default { render };
