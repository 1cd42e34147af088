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

const what = job => job.kind + " · " + job.id.slice(0, 8);
const plural = (n, thing) => n + " " + thing + (n === 1 ? "" : "s");
const seconds = s => s < 60 ? s.toFixed(1) + " s" : (s / 60).toFixed(1) + " min";

// fill shows jobs in a list. Elements stay as long as their jobs do, so that an
// update does not take the focus of the keyboard away. When the focused one leaves,
// the focus moves to the next button, or to the list.
function fill(list, jobs, show) {
  const old = new Map([...list.children].map(e => [e.dataset.job, e]));
  jobs.forEach((job, i) => {
    const e = old.get(job.id) || element("li");
    old.delete(job.id);
    e.dataset.job = job.id;
    show(e, job);
    if (list.children[i] !== e) list.insertBefore(e, list.children[i] || null);
  });
  for (const e of old.values()) {
    const focused = e.contains(document.activeElement);
    e.remove();
    if (focused) (list.querySelector("button") || list).focus();
  }
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
    bar.removeAttribute("value"); // in progress, but it is unknown how far
  }
  part(e, ".note", () => element("div", undefined, { class: "note" })).textContent = "attempt " + job.attempts + " by " + job.worker;
}

function showRetry(e, job) {
  part(e, ".what", () => element("div", undefined, { class: "what" })).textContent = what(job);
  const wait = Math.max(0, (new Date(job.due) - Date.now()) / 1000);
  part(e, ".note", () => element("div", undefined, { class: "note" })).textContent =
    "attempt " + (job.attempts + 1) + " of " + job.policy.attempts + " in " + seconds(wait) + "; the last one failed with: " + job.error.split("\n")[0];
}

function showDead(e, job) {
  part(e, ".what", () => element("div", undefined, { class: "what" })).textContent = what(job) + ", after " + plural(job.attempts, "attempt");
  part(e, "pre", () => element("pre", undefined, { tabindex: "0" })).textContent = job.error;
  part(e, "button", () => {
    const b = element("button", "Requeue", { "aria-label": "Requeue " + job.id });
    b.addEventListener("click", () => post("/jobs/" + job.id + "/requeue"));
    return b;
  });
}

// The chart shows how many jobs were done in each of the last 60 s.
const rates = new Array(60).fill(0);
let last = null;
function chart(done) {
  rates.push(last === null ? 0 : Math.max(0, done - last)); // fewer after a restart of the broker
  rates.shift();
  last = done;
  const peak = Math.max(...rates);
  $("peak").textContent = peak;
  $("chart").replaceChildren(...rates.map((r, i) => {
    const h = peak ? 20 * r / peak : 0;
    const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [k, v] of Object.entries({ x: i, y: 20 - h, width: .8, height: h })) bar.setAttribute(k, v);
    return bar;
  }));
}

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
  const data = Object.fromEntries(new FormData(form));
  const job = await post("/signups", data);
  if (!job) return;
  form.reset();
  const events = new EventSource("/jobs/" + job.id + "/events");
  events.onmessage = e => {
    const now = JSON.parse(e.data);
    $("answer").textContent = data.email + ": " + now.state + (now.attempts > 1 ? ", attempt " + now.attempts : "");
    if (["done", "dead", "canceled"].includes(now.state)) events.close();
  };
});

async function get(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(response.status);
  return await response.json();
}

async function overview() {
  try {
    const [o, running, scheduled, dead] = await Promise.all(
      ["/overview", "/jobs?state=running&n=50", "/jobs?state=scheduled&n=50", "/jobs?state=dead&n=50"].map(get));
    $("connection").textContent = "live";
    $("waiting").textContent = o.waiting;
    $("oldest").textContent = o.waiting ? seconds(o.oldest) : "–";
    $("running-count").textContent = o.running;
    $("scheduled").textContent = o.scheduled;
    $("dead-count").textContent = o.dead;
    $("done").textContent = o.done;
    chart(o.done);
    fill($("running"), running, showRunning);
    fill($("retrying"), scheduled.filter(job => job.attempts > 0), showRetry);
    fill($("dead"), dead, showDead);
  } catch {
    $("connection").textContent = "not connected, retrying …";
  }
}
overview();
setInterval(overview, 1000);
