// The keys of an overview, and the page that lists them.

const OVERVIEW_KEYS = [
  ["← →", "one image back, on; so do ↑ ↓"],
  ["Home End", "first, last image"],
  ["PgUp PgDn", "ten images back, on"],
  ["1 2 3", "another overview; [ and ] the one before, behind"],
  ["m", "one picture large; a click does it too"],
  ["x", "blink: before and after by turns"],
  ["n r g b o", "flag the image that is shown: none, red, green, blue, gold"],
  ["t", "move it to the TRASH"],
  ["v", "open in the viewer; a double click does it too"],
  ["Esc", "back to four pictures"],
  ["?", "this list"],
];

function overviewHelp() {
  const dialog = h("dialog", { class: "fnb-dialog", "aria-label": "Keys of the overview",
    onclick: (event) => { if (event.target === dialog) dialog.close(); } },
    h("h2", {}, "Keys"),
    h("dl", { class: "fnb-ov-keys" }, OVERVIEW_KEYS.map(([keys, text]) => h("div", {},
      h("dt", {}, keys.split(" ").map((key) => h("kbd", {}, key))), h("dd", {}, text)))),
    h("div", { class: "fnb-dialog-foot" },
      h("button", { type: "button", class: "fnb-button", autofocus: true, onclick: () => dialog.close() }, "Close")));
  return dialog;
}

/** What a key does in an overview; part: an OverviewPart. */
function overviewAct(part, key) {
  const walk = (by) => () => part.walk(by);
  const flag = (name) => () => part.wire.ask("flag", { flag: name });
  const acts = {
    ArrowRight: walk(1), ArrowDown: walk(1), ArrowLeft: walk(-1), ArrowUp: walk(-1),
    PageDown: walk(10), PageUp: walk(-10),
    Home: () => part.wire.ask("walk", { to: "first" }), End: () => part.wire.ask("walk", { to: "last" }),
    "[": () => part.turn(-1), "]": () => part.turn(1),
    n: flag("none"), r: flag("red"), g: flag("green"), b: flag("blue"), o: flag("gold"), t: () => part.wire.ask("trash"),
    m: () => part.enlarge(part.large ? "" : part.focused()), x: () => part.setBlink(!part.blinking),
    v: () => part.open(part.focused()), Escape: () => part.back(), "?": () => part.help.showModal(),
  };
  if (/^[1-9]$/.test(key)) return () => part.turnTo(Number(key) - 1);
  return acts[key];
}
