"use strict";
// What comes from jobs is shown with textContent only, never as HTML: a name
// may be anything.
const $ = id => document.getElementById(id);

const element = (name, text, attributes = {}) => {
  const e = document.createElement(name);
  if (text !== undefined) e.textContent = text;
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  return e;
};

const what = job => job.kind + " " + (job.payload.email || job.payload.dir || "") + " · " + job.id.slice(0, 8);
const seconds = s => s < 60 ? s.toFixed(1) + " s" : (s / 60).toFixed(1) + " min";

// fill shows jobs in a list. Elements stay as long as their jobs do, so that the
// focus of a keyboard is not lost at every update.
function fill(list, jobs, show) {
  const old = new Map([...list.children].map(e => [e.dataset.job, e]));
  jobs.forEach((job, i) => {
    const e = old.get(job.id) || element("li");
    old.delete(job.id);
    e.dataset.job = job.id;
    show(e, job);
    if (list.children[i] !== e) list.insertBefore(e, list.children[i] || null);
  });
  for (const e of old.values()) e.remove();
}

function part(e, selector, make) {
  let p = e.querySelector(selector);
  if (!p) e.append(p = make());
  return p;
}

function showRunning(e, job) {
  part(e, ".what", () => element("div", undefined, { class: "what" })).textContent = what(job);
  const bar = part(e, "progress", () => element("progress", undefined, { "aria-label": "progress of " + job.id }));
  if (job.progress && job.progress.total > 0) {
    bar.max = job.progress.total;
    bar.value = job.progress.done;
  } else {
    bar.removeAttribute("value"); // under way, nobody knows how far
  }
  part(e, ".note", () => element("div", undefined, { class: "note" })).textContent = "attempt " + job.attempts + " by " + job.worker;
}

function showRetry(e, job) {
  part(e, ".what", () => element("div", undefined, { class: "what" })).textContent = what(job);
  const wait = Math.max(0, (new Date(job.due) - Date.now()) / 1000);
  part(e, ".note", () => element("div", undefined, { class: "note" })).textContent =
    "attempt " + (job.attempts + 1) + " of " + job.policy.attempts + " in " + seconds(wait) + ", because: " + job.error.split("\n")[0];
}

function showDead(e, job) {
  part(e, ".what", () => element("div", undefined, { class: "what" })).textContent = what(job) + ", after " + job.attempts + (job.attempts === 1 ? " attempt" : " attempts");
  part(e, "pre", () => element("pre", undefined, { tabindex: "0" })).textContent = job.error;
  part(e, "button", () => {
    const b = element("button", "Requeue", { "aria-label": "Requeue " + job.id });
    b.addEventListener("click", () => post("/jobs/" + job.id + "/requeue"));
    return b;
  });
}

// The chart counts what became done, second by second.
const rates = new Array(60).fill(0);
let last = null;
function chart(done) {
  if (last !== null && done > last) rates[59] += done - last;
  last = done;
}
setInterval(() => {
  const peak = Math.max(...rates);
  $("peak").textContent = peak;
  $("chart").replaceChildren(...rates.map((r, i) => {
    const h = peak ? 20 * r / peak : 0;
    const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [k, v] of Object.entries({ x: i, y: 20 - h, width: .8, height: h })) bar.setAttribute(k, v);
    return bar;
  }));
  rates.push(0);
  rates.shift();
}, 1000);

async function post(url, body) {
  try {
    const response = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body) });
    if (!response.ok) throw new Error(response.status + " " + await response.text());
    return await response.json();
  } catch (err) {
    $("answer").textContent = err.message;
    return null;
  }
}

$("signup").addEventListener("submit", async event => {
  event.preventDefault();
  const form = event.target;
  const job = await post("/signups", Object.fromEntries(new FormData(form)));
  if (!job) return;
  form.reset();
  const events = new EventSource("/jobs/" + job.id + "/events");
  events.onmessage = e => {
    const now = JSON.parse(e.data);
    $("answer").textContent = now.payload.email + ": " + now.state + (now.attempts > 1 ? ", attempt " + now.attempts : "");
    if (["done", "dead", "cancelled"].includes(now.state)) events.close();
  };
});

const overview = new EventSource("/overview/events");
overview.onopen = () => { $("connection").textContent = "live"; };
overview.onerror = () => { $("connection").textContent = "the broker is away, trying again …"; };
overview.onmessage = e => {
  const o = JSON.parse(e.data);
  $("waiting").textContent = o.waiting;
  $("oldest").textContent = o.waiting ? seconds(o.oldest) : "–";
  $("running-count").textContent = o.running;
  $("scheduled").textContent = o.scheduled;
  $("dead-count").textContent = o.dead;
  $("done").textContent = o.done;
  chart(o.done);
  fill($("running"), o.some_running, showRunning);
  fill($("retrying"), o.some_retrying, showRetry);
  fill($("dead"), o.some_dead, showDead);
};
