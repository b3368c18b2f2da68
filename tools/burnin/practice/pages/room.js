// The room's page: puts what the server sends into its places, lets the clock tick, and posts what the candidate does.
"use strict";

const at = (id) => document.getElementById(id);
let heard = performance.now(); // when the clock was told last

function place(name, html) {
  const region = at(name);
  const made = document.createElement("template");
  made.innerHTML = html; // made by the server's templates, which escape; the page's policy forbids scripts in it
  if (!region || region.innerHTML === made.innerHTML) return;
  const focused = region.contains(document.activeElement) ? document.activeElement.id : "";
  region.replaceChildren(made.content);
  const moment = region.querySelector(".scroll .moment");
  if (moment) {
    const pane = moment.closest(".scroll");
    pane.scrollLeft += moment.getBoundingClientRect().x - pane.getBoundingClientRect().x - pane.clientWidth / 2;
  }
  if (focused) (at(focused) || at("main")).focus({ preventScroll: true });
}

function shown(minute) {
  const seconds = Math.floor(minute * 60);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function tick() {
  const time = at("time");
  if (!time) return;
  const passed = time.dataset.running === "1" ? (performance.now() - heard) / 60000 : 0;
  const minute = Number(time.dataset.minute) + passed;
  const over = minute - Number(time.dataset.minutes);
  time.textContent = shown(minute);
  at("over").textContent = over > 0 ? `, ${shown(over)} over time` : "";
  at("passed").value = minute;
  at("late").hidden = over <= 0 || time.dataset.ended === "1";
  const par = at("par");
  if (par) {
    const left = Number(par.dataset.par) - minute;
    par.textContent = left >= 0 ? `: ${shown(left)} left of par` : `: ${shown(-left)} behind par`;
  }
}

async function post(deed) {
  const refused = at("refused");
  refused.hidden = true;
  try {
    const answer = await fetch("do", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(deed),
    });
    if (answer.ok) return true;
    refused.textContent = await answer.text();
  } catch {
    refused.textContent = "The room does not answer.";
  }
  refused.hidden = false;
  return false;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-do]");
  if (!button || (button.dataset.sure && !window.confirm(button.dataset.sure))) return;
  const deed = { do: button.dataset.do };
  if (button.dataset.topic) deed.topic = button.dataset.topic;
  if (deed.do === "assess") {
    const answers = document.querySelectorAll("[data-answer]");
    deed.answers = Object.fromEntries([...answers].map((one) => [one.dataset.answer, one.value]));
  }
  const done = await post(deed);
  if (done && deed.do === "assess") at("kept").textContent = "Kept.";
});

const source = new EventSource("events");
source.onopen = () => { at("lost").hidden = true; };
source.onerror = () => { at("lost").hidden = false; };
source.onmessage = (event) => {
  const regions = JSON.parse(event.data);
  for (const [name, html] of Object.entries(regions)) {
    if (name === "ending" && at("ending").contains(document.activeElement)) continue; // somebody is writing there
    if (name === "clock") heard = performance.now();
    place(name, html);
  }
  tick();
};
setInterval(tick, 500);
tick();
