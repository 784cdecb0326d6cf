// Rates per second of processor time, which other programs on the machine disturb less than the
// time on the wall.

const windowMicroseconds = 60_000;
const rounds = 5;

/**
 * How often each of the works can be done in a second of processor time. They take turns, so that a
 * slow moment of the machine falls on all; the best of their rounds counts.
 */
export function cpuRates(works: readonly (() => void)[]): number[] {
  const best = works.map(() => 0);
  for (let round = 0; round < rounds; round++) {
    works.forEach((work, at) => {
      best[at] = Math.max(best[at]!, measure(work));
    });
  }
  return best;
}

function measure(work: () => void): number {
  const start = process.cpuUsage();
  for (let count = 1; ; count++) {
    work();
    const { user, system } = process.cpuUsage(start);
    if (user + system >= windowMicroseconds) return (count * 1e6) / (user + system);
  }
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
