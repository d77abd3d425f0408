"use strict";
const at = (name) => document.getElementById(name);
const form = at("form");

function show(step) {
  for (const name of ["form", "starting", "live"]) at(name).hidden = name !== step;
}

function complain(message, hint) {
  const place = at("problem");
  place.textContent = hint ? `${message} (${hint})` : message;
  place.hidden = !message;
}

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
  });
  return [answer.ok, await answer.json()];
}

function finish(found) {
  const list = at("live").querySelector("dl");
  const shown = {Agent: found.agent, Name: found.name, "Control plane": found.server, Version: found.version,
    Standing: found.standing, Containment: [found.containment, found.containment_reason].filter(Boolean).join(": "),
    Waits: found.waits};
  for (const [name, value] of Object.entries(shown)) {
    if (!value) continue;
    list.append(Object.assign(document.createElement("dt"), {textContent: name}));
    list.append(Object.assign(document.createElement("dd"), {textContent: value}));
  }
  at("live").querySelector("pre").textContent = found.again;
  show("live");
  post("/finish", {}).catch(() => {});
}

async function look() {
  const found = await (await fetch("/state")).json();
  if (found.step === "live") return finish(found);
  if (found.step === "starting") {
    show("starting");
    return setTimeout(look, 300);
  }
  for (const [name, value] of Object.entries(found.offers)) form.elements[name].value ||= value;
  show("form");
  complain(found.message || "");
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  complain("");
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const [good, told] = await post("/begin", Object.fromEntries(new FormData(form)));
    form.elements.token.value = "";
    if (good) await look();
    else complain(told.message, told.hint);
  } catch {
    complain("paddock onboard does not answer any more");
  } finally {
    button.disabled = false;
  }
});

look();
