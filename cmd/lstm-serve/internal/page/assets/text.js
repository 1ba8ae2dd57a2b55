// Numbers as people read them.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

// count is a number of things: 1.5, 12, 12,345 and 1.23M.
export function count(n) {
  if (n >= 1e6) return compact.format(n);
  if (n < 10 && n !== Math.round(n)) return n.toFixed(1);
  return whole.format(n);
}

// duration is one of milliseconds, in three digits.
export function duration(ms) {
  if (ms < 1) return digits(ms * 1000) + " µs";
  if (ms < 1000) return digits(ms) + " ms";
  return digits(ms / 1000) + " s";
}

function digits(n) {
  return n >= 100 ? n.toFixed(0) : n >= 10 ? trim(n.toFixed(1)) : trim(n.toFixed(2));
}

// trim makes 1.00 to 1, for axes.
function trim(text) {
  return text.replace(/\.?0+$/, "");
}

export function bytes(n) {
  for (const unit of ["B", "KB", "MB"]) {
    if (n < 1000) return digits(n) + " " + unit;
    n /= 1000;
  }
  return digits(n) + " GB";
}

// celsius has a minus sign that is as wide as a digit.
export function celsius(t) {
  const text = t.toFixed(1);
  return (text === "-0.0" ? "0.0" : text.replace("-", "−")) + "\u00a0°C";
}

export function date(text) {
  return new Date(text + "T00:00:00Z").toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
}

export function share(fraction) {
  return fraction > 0 && fraction < 0.01 ? "<1 %" : Math.round(fraction * 100) + " %";
}
