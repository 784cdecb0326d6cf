// Runs the test files through vitest: chooses by a word, shows progress, counts.

import { relative } from "node:path";
import {
  createVitest,
  DefaultReporter,
  type TestCase,
  type TestModule,
  type TestSpecification,
  type Vitest,
} from "vitest/node";
import { heartbeat } from "../step.ts";

export interface Count {
  passed: number;
  failed: number;
  /** Full names of tests that are switched off in their source. */
  readonly skipped: string[];
}

export interface TestRun {
  /** The folder with `vitest.config.ts`, whose projects are `pure` and `programs`. */
  readonly root: string;
  /** Only tests whose path or full name contains it, in any case; empty for all. */
  readonly word: string;
  /** Called once before the first test that drives a real program; gives a problem or null. */
  readonly prepare: () => Promise<string | null>;
  readonly say: (text: string) => void;
  /** No output but `say`. */
  readonly quiet?: boolean;
}

/** Runs the chosen tests, the pure ones first. */
export async function runTests({
  root,
  word,
  prepare,
  say,
  quiet = false,
}: TestRun): Promise<Count> {
  const total: Count = { passed: 0, failed: 0, skipped: [] };
  const selection = new Selection(root, word);
  const vitest = await createVitest(
    "test",
    { root, watch: false, reporters: quiet ? [{}] : [new ProgressReporter(selection)] },
    { clearScreen: false },
  );
  try {
    await vitest.standalone();
    for (const group of ["pure", "programs"]) {
      let specifications = await selection.specificationsOf(vitest, group);
      if (group === "programs") {
        // The set-up may take minutes: it is for tests that will run.
        specifications = await selection.withoutEmpty(vitest, specifications);
        const problem = specifications.length === 0 ? null : await prepare();
        if (problem !== null) {
          say(problem);
          total.failed++;
          continue;
        }
      }
      if (specifications.length === 0) continue;
      const run = await vitest.runTestSpecifications(specifications, word === "");
      // A run's answer holds the modules of earlier runs, too.
      const ids = new Set(specifications.map(({ moduleId }) => moduleId));
      const modules = run.testModules.filter(({ moduleId }) => ids.has(moduleId));
      selection.count(modules, run.unhandledErrors, total);
    }
  } finally {
    await vitest.close();
  }
  return total;
}

/** What a word chooses. */
class Selection {
  readonly #root: string;
  readonly #word: string;

  constructor(root: string, word: string) {
    this.#root = root;
    this.#word = word.toLowerCase();
  }

  pathOf(module: { readonly moduleId: string }): string {
    return relative(this.#root, module.moduleId);
  }

  #has(text: string): boolean {
    return text.toLowerCase().includes(this.#word);
  }

  isChosen(test: TestCase): boolean {
    return this.#has(this.pathOf(test.module)) || this.#has(nameOf(test));
  }

  /** The files of a group that may hold a chosen test, each told which of its tests to run. */
  async specificationsOf(vitest: Vitest, group: string): Promise<TestSpecification[]> {
    const literal = this.#word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const testNamePattern = new RegExp(literal, "i");
    const all = await vitest.globTestSpecifications();
    return all
      .filter(({ project }) => project.name === group)
      .map(({ project, moduleId }) =>
        this.#has(this.pathOf({ moduleId }))
          ? project.createSpecification(moduleId)
          : project.createSpecification(moduleId, { testNamePattern }),
      );
  }

  /** Drops the files that, as far as their source tells, hold no chosen test. */
  async withoutEmpty(
    vitest: Vitest,
    specifications: TestSpecification[],
  ): Promise<TestSpecification[]> {
    if (this.#word === "" || specifications.length === 0) return specifications;
    const modules = await vitest.experimental_parseSpecifications(specifications);
    const chosen = new Set<string>();
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        if (this.isChosen(test)) chosen.add(module.moduleId);
      }
    }
    return specifications.filter(({ moduleId }) => chosen.has(moduleId));
  }

  /** Adds up tests, hooks that failed, files that did not load, and stray errors. */
  count(modules: readonly TestModule[], strayErrors: readonly unknown[], total: Count): void {
    total.failed += strayErrors.length;
    for (const module of modules) {
      if (module.errors().length > 0) total.failed++;
      for (const suite of module.children.allSuites()) {
        if (suite.errors().length > 0) total.failed++;
      }
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") total.passed++;
        else if (state === "failed") total.failed++;
        else if (this.isChosen(test))
          total.skipped.push(`${this.pathOf(module)} > ${nameOf(test)}`);
      }
    }
  }
}

/** The name that a name pattern is held against: suites and test, with spaces between. */
function nameOf(test: TestCase): string {
  const names = [test.name];
  for (let at = test.parent; at.type === "suite"; at = at.parent) names.unshift(at.name);
  return names.join(" ");
}

/** Vitest's default output, without files that hold nothing for the word, and with a heartbeat. */
class ProgressReporter extends DefaultReporter {
  readonly #selection: Selection;
  readonly #running = new Map<string, string>();
  #stop: (() => void) | null = null;

  constructor(selection: Selection) {
    super({ summary: false });
    this.#selection = selection;
  }

  override onTestRunStart(specifications: ReadonlyArray<TestSpecification>): void {
    super.onTestRunStart(specifications);
    this.#stop = heartbeat(() => `running ${[...this.#running.values()].join(", ") || "tests"}`);
  }

  override onTestRunEnd(...run: Parameters<DefaultReporter["onTestRunEnd"]>): void {
    this.#stop?.();
    super.onTestRunEnd(...run);
  }

  onTestModuleStart(module: TestModule): void {
    this.#running.set(module.moduleId, this.#selection.pathOf(module));
  }

  override onTestCaseReady(test: TestCase): void {
    // Vitest may tell of a test after it told that its file is done.
    if (!this.#running.has(test.module.moduleId)) return;
    const path = this.#selection.pathOf(test.module);
    this.#running.set(test.module.moduleId, `${path} > ${nameOf(test)}`);
  }

  override onTestModuleEnd(module: TestModule): void {
    this.#running.delete(module.moduleId);
    if (module.state() !== "skipped") super.onTestModuleEnd(module);
  }

  override onTestCaseResult(test: TestCase): void {
    super.onTestCaseResult(test);
    const { state } = test.result();
    if (test.project.name !== "programs" || state === "skipped") return;
    const seconds = ((test.diagnostic()?.duration ?? 0) / 1000).toFixed(1);
    process.stdout.write(`  ${state}: ${nameOf(test)} (${seconds} s)\n`);
  }
}
