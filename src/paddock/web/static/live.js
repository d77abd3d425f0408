// Keeps a page fresh: news from /v1/events, or from where the page says, make it fetch itself and replace the regions that changed. Text stays text.
const BURST_MS = 300, TICK_MS = 10000, RETRY_MS = 2000, TAIL_MS = 1000, KEEP_CHUNKS = 500;
const pause = document.getElementById("pause"), offline = document.getElementById("offline"), proof = document.getElementById("proof");
const regions = (root) => [...root.querySelectorAll("[data-live]")];
const shown = new Map(regions(document).map((region) => [region.dataset.live, region.outerHTML]));
// Only this parses text as a document, and nothing of it is run: its regions are put in place of their like.
const trusted = globalThis.trustedTypes?.createPolicy("pages", { createHTML: (text) => text }) ?? { createHTML: (text) => text };
let source, timer, retry, busy = false, paused = false, again, away = 0;
document.documentElement.classList.add("scripted");

const inUse = (region) => region.contains(document.activeElement) ||
  (!getSelection().isCollapsed && getSelection().containsNode(region, true));
const idle = () => paused || document.hidden || !shown.size;
const later = () => { if (!idle()) timer ??= setTimeout(refresh, BURST_MS); };
async function refresh() {
  timer = void clearTimeout(timer);
  if (busy) return later();
  try {
    busy = true;
    const answer = await fetch(location.href);
    // Sent to the log-in once may be a cookie that changed hands meanwhile; twice is the end of the session.
    away = answer.redirected && away + 1;
    if (away) return away > 1 ? location.reload() : later();
    patch(new DOMParser().parseFromString(trusted.createHTML(await answer.text()), "text/html"));
  } catch { offline.hidden = false; } finally { busy = false; }
}
function patch(fresh) {
  for (const next of regions(fresh)) {
    const name = next.dataset.live, html = next.outerHTML, old = document.querySelector(`[data-live="${name}"]`);
    if (!old || shown.get(name) === html || inUse(old)) continue;
    for (const fold of old.querySelectorAll("details[id]")) {
      next.querySelector("#" + CSS.escape(fold.id))?.toggleAttribute("open", fold.open);
    }
    old.replaceWith(next), shown.set(name, html);
  }
  const [log, seen] = [fresh, document].map((root) => root.querySelector("[data-log]"));
  if (log && seen && log.dataset.log !== seen.dataset.log) seen.replaceWith(log);
}
function listen() {
  source?.close();
  if (idle()) return;
  source = new EventSource(document.body.dataset.news ?? "/v1/events");
  source.onopen = () => { offline.hidden = true; later(); }, source.onmessage = later;
  source.onerror = () => { offline.hidden = false; clearTimeout(retry); retry = setTimeout(listen, RETRY_MS); };
}
// The same as render.py does on the server: escape sequences of terminals go, what hides or turns text is marked.
const hidden = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;
const ansi = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-OQ-WYZ`-~=>])/g;
const mark = (c) => c < " " ? String.fromCharCode(0x2400 + c.charCodeAt()) : `⟨U+${c.charCodeAt().toString(16).toUpperCase().padStart(4, 0)}⟩`;
async function tail() {
  const log = document.querySelector('[data-live-log="1"]');
  const answer = log && !idle() && await fetch(`${log.dataset.log}&offset=${log.dataset.offset}`).catch(() => 0);
  if (!answer?.ok) return;
  const text = (log.decoder ??= new TextDecoder()).decode(await answer.arrayBuffer(), { stream: true });
  const whole = ((log.rest ?? "") + text).replace(ansi, ""), open = whole.search(/(\x1b[^\n]{0,200}|\r)$/);
  const end = open < 0 ? whole.length : open, atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  log.rest = whole.slice(end);
  if (end) log.append(whole.slice(0, end).replace(/\r\n?/g, "\n").replace(hidden, mark));
  while (log.childNodes.length > KEEP_CHUNKS) log.firstChild.remove();
  log.dataset.offset = answer.headers.get("Paddock-Offset");
  log.dataset.liveLog = +(answer.headers.get("Paddock-Final") !== "1" || text !== "");
  if (atEnd) log.scrollTop = log.scrollHeight;
}
document.addEventListener("submit", async (event) => {
  const button = event.submitter, form = event.target, silent = { error: { message: "The control plane does not answer" } };
  if (!button?.dataset.post) return;
  event.preventDefault();
  if (button.dataset.ask && !confirm(button.dataset.ask)) return;
  const body = JSON.stringify({ ...JSON.parse(button.dataset.body ?? "{}"), ...Object.fromEntries(new FormData(form)) });
  button.disabled = true;
  const answer = await fetch(button.dataset.post, { method: "POST", headers: { "content-type": "application/json" }, body }).catch(() => 0);
  const error = answer.ok ? null : (await answer.json?.().catch(() => silent) ?? silent).error;
  button.disabled = false;
  if (error?.code === "proof_needed" && proof) return again = () => form.requestSubmit(button), proof.showModal();
  const told = error || answer.status === 204 ? {} : await answer.json().catch(() => ({}));
  form.querySelector("output").textContent = error ? [error.message, error.hint].filter(Boolean).join(": ") : told[form.dataset.show] ?? "";
  if (!error && form.dataset.go) return location.assign(told.go ?? form.dataset.go);
  if (!error && form.closest("#proof")) return form.reset(), proof.close(), again?.();
  if (!error) document.activeElement.blur(), getSelection().removeAllRanges(), refresh();
});
for (const form of document.querySelectorAll("[data-link]")) form.elements.link.value = location.hash.slice(1);
for (const field of document.querySelectorAll("[data-remember]")) field.value ||= localStorage.getItem("paddock." + field.name) ?? "";
document.addEventListener("change", ({ target: field }) => { if ("remember" in field.dataset) localStorage.setItem("paddock." + field.name, field.value); });
pause.onclick = () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", paused), (pause.textContent = paused ? "Paused" : "Live");
  listen(), paused ? (timer = void clearTimeout(timer)) : refresh();
};
document.onvisibilitychange = () => { (timer = void clearTimeout(timer)), listen(), later(); };
for (const log of document.querySelectorAll("pre.log")) log.scrollTop = log.scrollHeight;
setInterval(later, TICK_MS), setInterval(tail, TAIL_MS), listen(), tail();
