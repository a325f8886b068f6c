/* Numbers and times as people read them. */

const EMPTY = "–";
// Keeps a number and its unit on one line.
const SPACE = "\u00a0";
const digits = (least, most = least) =>
  new Intl.NumberFormat("en-US", { minimumFractionDigits: least, maximumFractionDigits: most });
const TWO = digits(2);
const FOUR = digits(2, 4);
const WHOLE = digits(0);
const COMPACT = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
const DAY = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
const DAY_AND_YEAR = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);

/** A price; below one unit with the digits that matter there. */
export const price = (value) => (known(value) ? (Math.abs(value) < 1 ? FOUR : TWO).format(value) : EMPTY);

/** A whole number. */
export const count = (value) => (known(value) ? WHOLE.format(value) : EMPTY);

/** A large number in short. */
export const compact = (value) => (known(value) ? COMPACT.format(value) : EMPTY);

/** A fraction as percent: 0.017 is 1.7 %. */
export const percent = (value, places = 1) => (known(value) ? `${digits(places).format(100 * value)}${SPACE}%` : EMPTY);

/** A change in percent, with its sign; a change that rounds to nothing has none. */
export function change(value, places = 2) {
  if (!known(value)) return EMPTY;
  const text = digits(places).format(Math.abs(value));
  const sign = Number(text) === 0 ? "" : value > 0 ? "+" : "−";
  return `${sign}${text}${SPACE}%`;
}

/** Seconds as milliseconds or seconds. */
export function seconds(value) {
  if (!known(value)) return EMPTY;
  if (value >= 1) return `${digits(1).format(value)}${SPACE}s`;
  return `${digits(value < 0.01 ? 2 : 0).format(1000 * value)}${SPACE}ms`;
}

/** A session's date, with its year where that is not the current one. */
export function day(iso, now = new Date()) {
  if (!iso) return EMPTY;
  const found = new Date(`${iso.slice(0, 10)}T00:00:00Z`);
  return found.getUTCFullYear() === now.getUTCFullYear() ? DAY.format(found) : `${DAY.format(found)} ${found.getUTCFullYear()}`;
}

/** A date with its year. */
export const date = (iso) => (iso ? DAY_AND_YEAR.format(new Date(`${iso.slice(0, 10)}T00:00:00Z`)) : EMPTY);

/** The time of day, on the reader's clock. */
export const clock = (moment) => CLOCK.format(moment);

/** How long ago: "4 min", "3 h", "12 days", "2.7 years". */
export function age(iso, now = Date.now()) {
  if (!iso) return EMPTY;
  const minutes = Math.max(0, (now - Date.parse(iso)) / 60000);
  if (minutes < 1) return "now";
  if (minutes < 60) return `${Math.floor(minutes)} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h`;
  const days = minutes / 1440;
  return days < 730 ? `${Math.floor(days)} days` : `${digits(1).format(days / 365.25)} years`;
}

/** How long ago in a sentence: "4 min ago". */
export function ago(iso, now = Date.now()) {
  const told = age(iso, now);
  return told === "now" ? "just now" : `${told} ago`;
}

/** A number of sessions. */
export const sessions = (horizon) => `${horizon} session${horizon === 1 ? "" : "s"}`;

/** A word as people write it: "alpha_vantage" is "Alpha Vantage". */
export const words = (name) =>
  name.split("_").map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(" ");
