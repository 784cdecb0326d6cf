// `caraway simulate`: runs a world by seed, by trace or exhaustively, and says what it saw. Exit 0:
// no rule was broken; 1: one was; 2: used wrongly.

import { parseArgs } from "node:util";
import { choicesOf, parseTrace, Random, traceText } from "./choices.ts";
import { goEverywhere } from "./everywhere.ts";
import { explore } from "./explore.ts";
import { type RunResult, replay, run, type Scenario, shrink } from "./run.ts";
import { namedScenario, scenarioNames } from "./scenarios.ts";
import { cover, coverBySeed } from "./suite.ts";
import type { Tally } from "./tally.ts";

const usage = `usage: caraway simulate [--scenario NAME] [--seed N] [--trace]
       caraway simulate [--scenario NAME] --replay "12:1 40:3" [--trace]
       caraway simulate [--scenario NAME] --explore [--deviations N] [--seconds S]
       caraway simulate [--scenario NAME] --everywhere [--seconds S]
       caraway simulate [--scenario NAME] [--seconds S | --moves N] [--from N]
       caraway simulate --all [--seconds S]
       caraway simulate --list

  --scenario NAME   a world of --list; "large" when absent
  --seed N          one run as chance has it by this seed
  --replay TRACE    one run that is plain but for these choices
  --trace           print every step, event and message of the run
  --explore         all runs with few choices that are not the plain one
  --deviations N    how many those are, or "all"; 2 when absent
  --everywhere      all that there is, for worlds in which nothing waits but by a fault
  --seconds S       how long to look; without --seed, seeds are tried one after another
  --moves N         until so many moves have begun, however long it takes
  --from N          from this seed on
  --all             every world for S seconds: the smallest everywhere, the small ones with ever more
                    deviations, the large ones by seed; with --scenario, worlds of such names
  --json            print newline-delimited JSON
`;

class UsageError extends Error {}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function main(): number {
  const { values } = parseArgs({
    options: {
      scenario: { type: "string" },
      seed: { type: "string" },
      replay: { type: "string" },
      trace: { type: "boolean", default: false },
      explore: { type: "boolean", default: false },
      everywhere: { type: "boolean", default: false },
      deviations: { type: "string", default: "2" },
      seconds: { type: "string", default: "10" },
      from: { type: "string", default: "1" },
      moves: { type: "string" },
      all: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    say(usage);
    return 0;
  }
  if (values.list) {
    for (const name of scenarioNames) say(name);
    return 0;
  }
  const seconds = count("--seconds", values.seconds, 86_400);
  if (values.all) return suite(seconds, values.scenario ?? "", values.json);
  const name = values.scenario ?? "large";
  const scenario = namedScenario(name);
  if (scenario === null) throw new UsageError(`there is no scenario "${name}"`);
  const report = new Report(scenario, values.json);
  const onLine = values.trace ? say : undefined;
  const options = onLine === undefined ? {} : { onLine };
  if (values.replay !== undefined) {
    return report.run({ trace: true }, replay(scenario, parseTrace(values.replay), options));
  }
  if (values.seed !== undefined) {
    const seed = count("--seed", values.seed, 0xffffffff);
    return report.run({ seed }, run(scenario, choicesOf(seed), options));
  }
  const until = performance.now() + seconds * 1000;
  if (values.explore) {
    const all = values.deviations === "all";
    const deviationsMax = all
      ? Number.POSITIVE_INFINITY
      : count("--deviations", values.deviations, 100);
    const goOn = () => performance.now() < until;
    const runsMax = Number.POSITIVE_INFINITY;
    const random = new Random(1);
    const found = explore(scenario, { deviationsMax, runsMax, goOn, random });
    const { failure, ends, ...figures } = found;
    const { deviations } = values;
    report.tell({ event: "explored", deviations, ...figures, ends: ends.length });
    return failure === null ? 0 : report.run({ trace: true }, failure);
  }
  if (values.everywhere) {
    const { failure, ends, growth, ...figures } = goEverywhere(scenario, {
      goOn: () => performance.now() < until,
    });
    const widest = Math.max(...growth);
    report.tell({ event: "went everywhere", ...figures, widest, ends: ends.length });
    return failure === null ? 0 : report.run({ trace: true }, failure);
  }
  const from = count("--from", values.from, 0xffffffff);
  if (values.moves === undefined) {
    return seeds(scenario, from, () => performance.now() < until, report);
  }
  const moves = count("--moves", values.moves, 10_000_000);
  return seeds(scenario, from, ({ begun }) => begun < moves, report);
}

function seeds(
  scenario: Scenario,
  from: number,
  goOn: (tally: Tally) => boolean,
  report: Report,
): number {
  const covered = coverBySeed(scenario, from, goOn);
  if (covered.failure !== null) return report.run({ seed: covered.seed }, covered.failure);
  const { seeds: runs, steps, depth, tally } = covered;
  const counted = Object.entries(tally).filter(([, value]) => value > 0);
  report.tell({ event: "seeds", from, runs, steps, depth, ...Object.fromEntries(counted) });
  return 0;
}

function suite(seconds: number, part: string, asJson: boolean): number {
  const now = () => performance.now();
  let code = 0;
  for (const name of scenarioNames.filter((each) => each.includes(part))) {
    const scenario = namedScenario(name)!;
    const report = new Report(scenario, asJson);
    const covered = cover(scenario, now, now() + seconds * 1000);
    const { isComplete, deviations, left, failure, steps, states, depth, seeds } = covered;
    report.tell({
      event: isComplete ? "seen everything" : "seen",
      ...(deviations !== null && !isComplete && { "all deviations up to": deviations }),
      ...(states !== null && { states }),
      ...{ depth, steps },
      ...(left > 0 && { "not gone into": left }),
      ...(seeds > 0 && { seeds }),
    });
    if (failure !== null) code = Math.max(code, report.run({ trace: true }, failure));
  }
  return code;
}

class Report {
  readonly #scenario: Scenario;
  readonly #asJson: boolean;

  constructor(scenario: Scenario, asJson: boolean) {
    this.#scenario = scenario;
    this.#asJson = asJson;
  }

  tell({ event, ...fields }: { readonly event: string; readonly [name: string]: unknown }): void {
    if (this.#asJson) {
      say(JSON.stringify({ event, scenario: this.#scenario.name, ...fields }));
      return;
    }
    const words = Object.entries(fields).map(([name, value]) => `${name} ${String(value)}`);
    say(`${this.#scenario.name}: ${event}: ${words.join(", ")}`);
  }

  /** What a run came to; a trace that breaks a rule is shortened first. */
  run(from: { readonly seed?: number; readonly trace?: true }, result: RunResult): number {
    const { violation, steps, choices, struck } = result;
    const seed = from.seed === undefined ? {} : { seed: from.seed };
    const faults = struck.length === 0 ? "none" : struck.join("; ");
    if (violation === null) {
      this.tell({ event: "run", ...seed, steps, choices, faults });
      return 0;
    }
    const trace = shrink(this.#scenario, result.trace, violation.rule);
    this.tell({
      event: "violation",
      ...seed,
      rule: violation.rule,
      detail: violation.message,
      steps,
      choices,
      faults,
      replay: traceText(trace),
    });
    return 1;
  }
}

function count(name: string, text: string, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new UsageError(`${name} must be an integer from 0 to ${most}, not "${text}"`);
}

try {
  process.exitCode = main();
} catch (error) {
  const { code } = error as { readonly code?: unknown };
  const isWrong =
    error instanceof UsageError ||
    error instanceof RangeError ||
    (typeof code === "string" && code.startsWith("ERR_PARSE_ARGS"));
  if (!isWrong) throw error;
  process.stderr.write(`caraway: ${(error as Error).message}\n${usage}`);
  process.exitCode = 2;
}
