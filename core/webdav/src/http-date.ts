// Times as HTTP and WebDAV write them, by arithmetic: the pure tier has no Date.

const dayNames = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const monthNames = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const daySeconds = 86_400;
/** Until the end of the year 9999. */
const secondsMax = 253_402_300_799;

interface Parts {
  readonly days: number;
  readonly year: number;
  /** From 1. */
  readonly month: number;
  readonly day: number;
  readonly clock: string;
}

/** `Sun, 06 Nov 1994 08:49:37 GMT`. */
export function httpDate(ms: number): string {
  const { days, year, month, day, clock } = partsOf(ms);
  const name = dayNames[days % 7]!;
  return `${name}, ${two(day)} ${monthNames[month - 1]!} ${year} ${clock} GMT`;
}

/** `1994-11-06T08:49:37Z`. */
export function isoDate(ms: number): string {
  const { year, month, day, clock } = partsOf(ms);
  return `${year}-${two(month)}-${two(day)}T${clock}Z`;
}

/** Milliseconds since 1970; null: not in the one form that is written today. */
export function parseHttpDate(text: string): number | null {
  const match = /^\w{3}, (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/.exec(text);
  if (match === null) return null;
  const month = monthNames.indexOf(match[2]!);
  const [day, year, hour, minute, second] = [1, 3, 4, 5, 6].map((part) => Number(match[part]));
  if (month < 0 || year! < 1970) return null;
  const days = daysFromCivil(year!, month + 1, day!);
  return 1000 * (days * daySeconds + hour! * 3600 + minute! * 60 + second!);
}

function partsOf(ms: number): Parts {
  const seconds = Math.min(Math.max(0, Math.floor(ms / 1000)), secondsMax);
  const days = Math.floor(seconds / daySeconds);
  const rest = seconds % daySeconds;
  const clock = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60].map(two).join(":");
  let year = 1970 + Math.floor(days / 366);
  while (daysFromCivil(year + 1, 1, 1) <= days) year += 1;
  let month = 1;
  while (month < 12 && daysFromCivil(year, month + 1, 1) <= days) month += 1;
  return { days, year, month, day: days - daysFromCivil(year, month, 1) + 1, clock };
}

/** Days from 1970 to a day of the Gregorian calendar. */
function daysFromCivil(year: number, month: number, day: number): number {
  const years = month > 2 ? year : year - 1;
  const leapDays = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400);
  const monthDays = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5);
  return years * 365 + leapDays + monthDays + day - 719_469;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
