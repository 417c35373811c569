// Somebody looks: the kernel is told, and the page notices when the kernel or its server is gone.

const BEAT = 15000;
const SILENCE = 40000;

/** Tell the kernel now and then that somebody looks; our own page loads itself anew when it must. */
function stayAlive(model, el) {
  const own = document.documentElement.dataset.focusnb; // our own page, which may reload itself
  let heard = Date.now();
  let lost = null;
  const listen = (message) => {
    if (message.now === undefined) return;
    heard = Date.now();
    globalThis.focusnbClock = Date.now() / 1000 - message.now;
  };
  const beat = () => { if (!document.hidden) model.send({ alive: true }); };
  const look = async () => {
    if (document.hidden || own === undefined || Date.now() - heard < SILENCE) return;
    try {
      const answer = await fetch(`${own}alive`, { cache: "no-store" });
      if (answer.ok) location.reload();
    } catch {
      if (lost === null) {
        lost = h("p", { class: "fnb-alert fnb-alert-lost fnb-alert", role: "alert" },
          "The page's server does not answer; what you see is old. This page comes back by itself.");
        el.parentElement?.append(lost);
      }
    }
  };
  const wake = () => {
    if (document.hidden) return;
    heard = Math.max(heard, Date.now() - SILENCE + 8000); // give a sleeping phone eight seconds
    beat();
  };
  model.on("msg:custom", listen);
  document.addEventListener("visibilitychange", wake);
  beat();
  const soon = [1500, 4000].map((ms) => setTimeout(beat, ms));
  const ids = [setInterval(beat, BEAT), setInterval(look, 4000), ...soon];
  return () => {
    ids.forEach(clearInterval);
    document.removeEventListener("visibilitychange", wake);
    model.off("msg:custom", listen);
  };
}
