// Charts as SVG, drawn anew with each change.

const space = "http://www.w3.org/2000/svg";

export function element(name, attributes, text) {
  const e = document.createElementNS(space, name);
  for (const key in attributes) e.setAttribute(key, attributes[key]);
  if (text !== undefined) e.textContent = text;
  return e;
}

// A Drawing is an SVG element whose unit is a pixel, with margins for its axes. It is
// drawn by draw, at most once a frame.
export class Drawing {
  left = 50;
  right = 14;
  top = 10;
  bottom = 24;

  constructor(svg, draw) {
    this.svg = svg;
    this.draw = draw;
    this.pending = false;
    new ResizeObserver(() => this.change()).observe(svg);
  }

  change() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.width = this.svg.clientWidth;
      this.height = this.svg.clientHeight;
      if (this.width === 0) return;
      this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
      this.svg.replaceChildren();
      this.draw();
    });
  }

  add(name, attributes, text) {
    const e = element(name, attributes, text);
    this.svg.append(e);
    return e;
  }

  text(x, y, anchor, text, kind = "") {
    return this.add("text", { x: round(x), y: round(y), "text-anchor": anchor, class: kind }, text);
  }

  // rules draws the lines of the y axis, with their labels.
  rules(ticks, y, format) {
    for (const tick of ticks) {
      const at = Math.round(y(tick));
      this.add("line", { class: "rule", x1: this.left, x2: this.width - this.right, y1: at, y2: at });
      this.text(this.left - 8, at + 4, "end", format(tick));
    }
  }

  // line draws a line through points, which is broken where one is null.
  line(points, kind) {
    this.add("path", { class: "line " + kind, d: path(points) });
  }
}

export function path(points) {
  let d = "", pen = false;
  for (const p of points) {
    if (p === null) {
      pen = false;
      continue;
    }
    d += `${pen ? "L" : "M"}${round(p[0])} ${round(p[1])}`;
    pen = true;
  }
  return d;
}

export function round(x) {
  return Math.round(x * 10) / 10;
}

// steps are round numbers from 0 on, the last of which is not less than most.
export function steps(most, wanted = 4) {
  const raw = Math.max(most, 1e-9) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find((s) => s * power >= raw * 0.999) * power;
  const ticks = [];
  for (let i = 0; i <= Math.ceil(most / step - 1e-6) || i < 2; i++) ticks.push(i * step);
  return ticks;
}

// TimeLines is a chart of numbers over the last minutes. Its series are functions that
// take a number, or null, out of a sample.
export class TimeLines extends Drawing {
  constructor(svg, legend, options) {
    super(svg, () => this.drawAll());
    this.legend = legend;
    this.options = options; // series: [{name, kind, value}], format, least, logarithmic, seconds
    this.samples = [];
    this.pointer = null;
    svg.addEventListener("pointermove", (e) => this.point(e.clientX - svg.getBoundingClientRect().left));
    svg.addEventListener("pointerleave", () => this.point(null));
  }

  point(x) {
    this.pointer = x;
    this.change();
  }

  show(samples) {
    this.samples = samples;
    this.change();
  }

  drawAll() {
    const { series, format } = this.options;
    const last = this.samples.at(-1);
    const end = last ? last.time : Date.now();
    const seconds = this.seconds(end);
    const width = this.width - this.left - this.right;
    const x = (time) => this.left + width * (1 - (end - time) / (seconds * 1000));
    const y = this.scale();
    this.times(x, end, seconds);
    const shown = this.samples.filter((s) => s.time >= end - seconds * 1000);
    if (series.length === 1 && shown.length > 1) {
      const points = shown.map((s) => [x(s.time), y(series[0].value(s))]);
      const floor = this.height - this.bottom;
      this.add("path", { class: "area", d: `${path(points)}L${round(points.at(-1)[0])} ${floor}L${round(points[0][0])} ${floor}Z` });
    }
    for (const s of series.toReversed()) {
      this.line(shown.map((p) => (s.value(p) === null ? null : [x(p.time), y(s.value(p))])), s.kind);
    }
    const chosen = this.choose(shown, x) ?? last;
    if (chosen) {
      for (const s of series) {
        const value = s.value(chosen);
        if (value !== null) this.add("circle", { class: "dot " + s.kind, cx: round(x(chosen.time)), cy: round(y(value)), r: 3 });
      }
      this.explain(chosen, chosen !== last ? Math.round((end - chosen.time) / 1000) : 0);
    }
    if (last) {
      const now = series.map((s) => `${s.name} ${s.value(last) === null ? "none" : format(s.value(last))}`);
      this.svg.setAttribute("aria-label", `${this.options.title} over the last minutes. Now: ${now.join(", ")}.`);
    }
  }

  // choose returns the sample at the pointer, and draws a line there.
  choose(shown, x) {
    if (this.pointer === null || shown.length === 0) return undefined;
    const away = (s) => Math.abs(x(s.time) - this.pointer);
    const chosen = shown.reduce((a, b) => (away(b) < away(a) ? b : a));
    const at = round(x(chosen.time));
    this.add("line", { class: "pointer", x1: at, x2: at, y1: this.top, y2: this.height - this.bottom });
    return chosen;
  }

  // scale draws the y axis, and returns where a number is.
  scale() {
    const { series, format, least, logarithmic } = this.options;
    const values = this.samples.flatMap((s) => series.map((l) => l.value(s))).filter((v) => v !== null && v > 0);
    const top = this.top, height = this.height - this.top - this.bottom;
    if (!logarithmic) {
      const ticks = steps(Math.max(least, ...values));
      const y = (v) => top + height * (1 - v / ticks.at(-1));
      this.rules(ticks, y, format);
      return y;
    }
    let low = Math.floor(Math.log10(Math.min(...values, least))), high = Math.ceil(Math.log10(Math.max(...values, least)));
    if (high - low < 2) high = low + 2;
    const y = (v) => top + height * (1 - (Math.log10(Math.max(v, 10 ** low)) - low) / (high - low));
    const ticks = [];
    for (let power = low; power <= high; power++) ticks.push(10 ** power);
    this.rules(ticks, y, format);
    return y;
  }

  // seconds are how far back the chart goes: whole minutes, as many as there are samples of.
  seconds(end) {
    const minutes = this.samples.length > 0 ? Math.ceil((end - this.samples[0].time) / 60000) : 1;
    return Math.min(Math.max(minutes * 60, 60), this.options.seconds);
  }

  times(x, end, seconds) {
    const room = (this.width - this.left - this.right) / seconds;
    const step = [15, 30, 60, 120].find((s) => s * room >= 66 && seconds / s <= 6) ?? seconds;
    for (let ago = 0; ago <= seconds; ago += step) {
      const at = x(end - ago * 1000);
      const anchor = ago === 0 ? "end" : ago === seconds ? "start" : "middle";
      this.text(at, this.height - 6, anchor, ago === 0 ? "now" : ago % 60 === 0 ? `−${ago / 60} min` : `−${ago} s`);
    }
  }

  explain(sample, ago) {
    const { series, format } = this.options;
    const parts = series.map((s) => {
      const span = document.createElement("span");
      span.className = "key " + s.kind;
      const b = document.createElement("b");
      const value = s.value(sample);
      b.textContent = value === null ? "–" : format(value);
      span.append(s.name + " ", b);
      return span;
    });
    if (ago > 0) {
      const span = document.createElement("span");
      span.textContent = `${ago} s ago`;
      parts.push(span);
    }
    this.legend.replaceChildren(...parts);
  }
}

// Bars is a chart of shares, 0 to 1, with their labels.
export class Bars extends Drawing {
  constructor(svg, options) {
    super(svg, () => this.drawAll());
    this.options = options; // title, format, axis
    this.bars = [];
  }

  show(bars) {
    this.bars = bars; // [{label, share}]
    this.change();
  }

  drawAll() {
    const { title, format, axis } = this.options;
    const floor = this.height - this.bottom - 14, top = this.top + 12;
    const y = (share) => floor - (floor - top) * share;
    this.rules([0, 0.25, 0.5, 0.75, 1], y, format);
    const pitch = (this.width - this.left - this.right) / Math.max(this.bars.length, 1);
    const width = Math.min(pitch * 0.62, 46);
    this.bars.forEach((bar, i) => {
      const middle = this.left + pitch * (i + 0.5);
      const height = Math.max(floor - y(bar.share), bar.share > 0 ? 1.5 : 0);
      if (height > 0) {
        this.add("rect", { class: "bar", x: round(middle - width / 2), y: round(floor - height), width: round(width), height: round(height), rx: Math.min(3, height / 2) });
        this.text(middle, floor - height - 5, "middle", format(bar.share), "value");
      }
      this.text(middle, floor + 15, "middle", bar.label);
    });
    this.text(this.left + (this.width - this.left - this.right) / 2, this.height - 4, "middle", axis);
    const told = this.bars.filter((b) => b.share > 0).map((b) => `${b.label}: ${format(b.share)}`);
    this.svg.setAttribute("aria-label", `${title}. ${told.length ? told.join(", ") : "No steps"}.`);
  }
}
