import { Drawing, round } from "./chart.js";
import * as text from "./text.js";

const shown = 120; // days, or half as many where there are no more, or no room

// Weather shows the forecasts beside what the days then brought.
export class Weather extends Drawing {
  constructor(section) {
    super(section.querySelector("svg"), () => this.drawAll());
    this.section = section;
    this.days = [];
    this.right = 64;
    this.left = 54;
  }

  // news takes in what the server says.
  news(n) {
    this.section.hidden = false;
    this.days = (n.begin ? n.days : this.days.concat(n.days)).slice(-shown);
    const problem = document.getElementById("weather-problem");
    problem.hidden = n.problem === "";
    problem.textContent = n.problem && `It does not go on: ${n.problem}`;
    this.tell(n);
    this.change();
  }

  tell(n) {
    const today = this.days.at(-1), yesterday = this.days.at(-2);
    if (!today) return;
    const put = (id, value) => (document.getElementById("weather-" + id).textContent = value);
    put("date", text.date(today.date));
    put("highest", text.celsius(today.highest));
    put("sky", today.sky + (today.rain > 0 ? `, ${today.rain.toFixed(1)} mm` : ""));
    put("forecast", text.celsius(today.forecast));
    if (yesterday) {
      put("expected", text.celsius(yesterday.forecast));
      const miss = yesterday.forecast - today.highest;
      put("miss", Math.abs(miss) < 0.05 ? "exactly" : `${Math.abs(miss).toFixed(1)}° too ${miss > 0 ? "warm" : "cold"}`);
    }
    if (n.compared > 0) {
      put("error-title", `Error (RMSE), last ${n.compared} days`);
      put("error", text.celsius(n.error));
      put("naive", `“like today”: ${text.celsius(n.naive)}`);
    }
    put("held-out", today.date >= n.heldOut
      ? `The network has not been trained on the days since ${text.date(n.heldOut)}.`
      : `The network has been trained on the days before ${text.date(n.heldOut)}.`);
  }

  drawAll() {
    const wanted = this.width < 520 ? shown / 2 : Math.min(Math.max(this.days.length, shown / 2), shown);
    const days = this.days.slice(-wanted);
    if (days.length === 0) return;
    // The last place is tomorrow's.
    const width = this.width - this.left - this.right;
    const x = (i) => this.left + (width * (i + wanted - days.length)) / wanted;
    const all = days.flatMap((d) => [d.highest, d.forecast]);
    const low = Math.floor(Math.min(...all) / 5) * 5, high = Math.ceil(Math.max(...all) / 5) * 5;
    const floor = this.height - this.bottom;
    const y = (t) => this.top + (floor - this.top) * (1 - (t - low) / (high - low));
    const ticks = [];
    for (let t = low; t <= high; t += 5) ticks.push(t);
    this.rules(ticks, y, (t) => String(t).replace("-", "−") + " °C");
    this.months(days, x, floor);

    const misses = days.slice(1).map((d, i) => `M${round(x(i + 1))} ${round(y(days[i].forecast))}V${round(y(d.highest))}`);
    this.add("path", { class: "miss", d: misses.join("") });
    this.line(days.map((d, i) => [x(i + 1), y(d.forecast)]), "first");
    this.line(days.map((d, i) => [x(i), y(d.highest)]), "observed");

    const last = days.length - 1, today = days[last];
    const here = [x(last), y(today.highest)], next = [x(last + 1), y(today.forecast)];
    this.add("circle", { class: "dot observed", cx: round(here[0]), cy: round(here[1]), r: 4 });
    this.add("circle", { class: "hollow", cx: round(next[0]), cy: round(next[1]), r: 4 });
    // The two labels keep a line's height apart.
    const apart = Math.max(0, 16 - Math.abs(here[1] - next[1])) / 2 * (here[1] < next[1] ? 1 : -1);
    this.text(next[0] + 10, here[1] + 4 - apart, "start", text.celsius(today.highest), "observed-value");
    this.text(next[0] + 10, next[1] + 4 + apart, "start", text.celsius(today.forecast), "forecast-value");
    this.svg.setAttribute("aria-label",
      `Highest temperatures of ${days.length} days until ${text.date(today.date)}, when it was ${text.celsius(today.highest)}, ` +
      `and their forecasts. The forecast for the next day is ${text.celsius(today.forecast)}.`);
  }

  months(days, x, floor) {
    days.forEach((d, i) => {
      if (!d.date.endsWith("-01")) return;
      const at = Math.round(x(i));
      this.add("line", { class: "rule", x1: at, x2: at, y1: this.top, y2: floor });
      const name = new Date(d.date + "T00:00:00Z").toLocaleDateString("en", { month: "short", timeZone: "UTC" });
      this.text(at + 4, this.height - 6, "start", d.date.includes("-01-") || i < 31 ? `${name} ${d.date.slice(0, 4)}` : name);
    });
  }
}
