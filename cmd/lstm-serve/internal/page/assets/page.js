import { Bars, TimeLines } from "./chart.js";
import * as text from "./text.js";
import { Weather } from "./weather.js";

const seconds = 300;
const retryAfter = 5000; // ms
const get = (id) => document.getElementById(id);
const put = (id, value) => (get(id).textContent = value);

const lines = (name, options) => new TimeLines(get(name + "-chart"), get(name + "-legend"), { seconds, ...options });
const charts = [
  lines("steps", {
    title: "Steps a second", format: text.count, least: 4,
    series: [{ name: "all models", kind: "first", value: (s) => s.steps }],
  }),
  lines("latency", {
    title: "Latency of requests", format: text.duration, least: 0.1, logarithmic: true,
    series: [
      { name: "p50", kind: "first", value: (s) => s.latency && s.latency.p50 },
      { name: "p99", kind: "second", value: (s) => s.latency && s.latency.p99 },
      { name: "p99.9", kind: "third", value: (s) => s.latency && s.latency.p999 },
    ],
  }),
  lines("sequences", {
    title: "Sequences", format: text.count, least: 4,
    series: [
      { name: "in memory", kind: "first", value: (s) => s.live },
      { name: "only stored", kind: "second", value: (s) => s.stored },
    ],
  }),
];
const sizes = new Bars(get("sizes-chart"), { title: "Shares of the steps of the last minute by batch size", format: text.share, axis: "steps in a batch" });
const weather = new Weather(get("weather"));
let samples = [];

function begin(data) {
  const { path, processors, go } = data.machine;
  put("machine", `${path} kernels, ${processors} ${processors === 1 ? "processor" : "processors"}, ${go}`);
  samples = data.samples;
  get("main").hidden = false;
  get("weather").hidden = !data.weather;
  if (data.weather) weather.news(data.weather);
  showSamples();
}

function showSamples() {
  for (const chart of charts) chart.show(samples);
  const recent = samples.slice(-60);
  const totals = []; // steps of the last minute, by the size of their batch
  for (const s of recent) s.sizes.forEach((n, i) => (totals[i] = (totals[i] ?? 0) + n * (i + 1)));
  const all = totals.reduce((a, b) => a + b, 0);
  sizes.show(groups(totals).map(({ label, n }) => ({ label, share: all > 0 ? n / all : 0 })));
  tiles(recent, totals, all);
}

// groups puts sizes together where there are many: 1, 2, 3–4, 5–8 and so on.
function groups(totals) {
  if (totals.length <= 10) return totals.map((n, i) => ({ label: String(i + 1), n }));
  const list = [];
  for (let first = 1, last = 1; first <= totals.length; first = last + 1, last *= 2) {
    const end = Math.min(last, totals.length);
    list.push({ label: first === end ? String(first) : `${first}–${end}`, n: totals.slice(first - 1, end).reduce((a, b) => a + b, 0) });
  }
  return list;
}

function tiles(recent, totals, steps) {
  const s = recent.at(-1);
  if (!s) return;
  put("steps-now", text.count(s.steps));
  put("steps-note", `${text.count(s.requests)} requests` + (s.errors > 0 ? `, ${text.count(s.errors)} of them errors` : ""));
  put("latency-now", s.latency ? text.duration(s.latency.p50) : "–");
  put("latency-note", s.latency ? `p99.9 is ${text.duration(s.latency.p999)}` : "no requests");
  put("sequences-now", text.count(s.live + s.stored));
  put("sequences-note", `${text.count(s.live)} in memory`);
  const batches = totals.reduce((sum, n, i) => sum + n / (i + 1), 0);
  put("batch-now", batches > 0 ? (steps / batches).toFixed(2) : "–");
  put("batch-note", "mean of the last minute");
}

function showModels(models) {
  get("models").replaceChildren(...models.map((m) => {
    const row = document.createElement("tr");
    const cell = (value, kind = "", name = "td") => {
      const c = document.createElement(name);
      c.className = kind;
      c.textContent = value;
      if (name === "th") c.scope = "row";
      row.append(c);
    };
    cell(m.ready ? m.name : `${m.name} (not ready)`, "", "th");
    cell(m.version);
    cell(m.inputs);
    cell(m.hidden ? m.hidden.join(" → ") : "whole sequences only");
    cell(m.outputs);
    cell(text.count(m.parameters), "number");
    cell(text.bytes(m.bytes), "number");
    for (const n of [m.live, m.stored, m.steps]) cell(m.hidden ? text.count(n) : "–", "number");
    return row;
  }));
}

function status(value) {
  const live = value === "live";
  if (get("status").textContent === value) return; // it is read out
  put("status", value);
  get("status").className = live ? "live" : "";
}

// Nothing is asked for while nobody sees the page.
let source = null;

function connect() {
  if (source || document.hidden) return;
  source = new EventSource("live");
  const on = (event, f) => source.addEventListener(event, (e) => f(JSON.parse(e.data)));
  on("begin", (data) => { status("live"); begin(data); });
  on("models", showModels);
  on("sample", (s) => { samples = [...samples, s].slice(-seconds); showSamples(); });
  on("weather", (n) => weather.news(n));
  source.onerror = () => {
    status("no connection, trying again");
    if (source.readyState !== EventSource.CLOSED) return; // else it tries by itself
    disconnect();
    setTimeout(connect, retryAfter);
  };
}

function disconnect() {
  source?.close();
  source = null;
}

document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
connect();
