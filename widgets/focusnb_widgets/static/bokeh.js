// BokehJS for a part that draws with it; the document's JSON is made in Python.

/** BokehJS: the page's own, else the kernel sends it, so that nothing comes from outside. */
function bokehjs(model) {
  if (globalThis.Bokeh?.require) return Promise.resolve();
  globalThis.focusnbBokeh ??= new Promise((resolve, reject) => {
    const listen = (message, buffers) => {
      if (message.bokehjs === undefined) return;
      model.off("msg:custom", listen);
      const url = URL.createObjectURL(new Blob([buffers[0]], { type: "text/javascript" }));
      document.head.append(h("script", { src: url, onload: resolve, onerror: reject }));
    };
    model.on("msg:custom", listen);
    model.send({ bokehjs: true });
  });
  return globalThis.focusnbBokeh;
}
